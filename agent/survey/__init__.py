"""`linkgauge-agent survey`: somebody walks or drives, and the modem's levels are kept with their places."""
