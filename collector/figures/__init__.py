"""What others report: figures of operators and statistics offices, and the nation's averages, each with its source."""
