"""The series written anew from the archive, when their database is lost or another one is to hold them."""
