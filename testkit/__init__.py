"""What tests drive: real apps, their visitors, a core, and what stands between."""
