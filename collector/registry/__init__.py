"""Who is where: sites and agents, with dates."""
