"""The mobile modem and the position it is read at."""
