"""What people see of risk, and what-if: worked out beside the market, in plain integers, from what the venue keeps."""
