"""What officers and technicians administer: sites, devices, places, figures; imports are shown before they are made."""
