"""The doctor: from a checkpoint or a live moment to evidence, findings and a report."""
