"""What the core is measured by: one script a headline figure; `python -m benchmarks` runs all of them."""
