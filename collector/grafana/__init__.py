"""`grafana push`: what `dashboards` holds, brought into a running Grafana 9.4 to 12 over its HTTP API.

server.py     one Grafana: its answers, and its refusals in one plain line each
comparing.py  is what is there what we want, and did a person change it since (pure)
pieces.py     each kind of thing: how it is read, compared, made and changed
pushing.py    all pieces in their order, and what became of each
shipment.py   what is pushed, from the installed package
commands.py   the command
"""
