"""Who is told of incidents, where, how often and in which words."""
