"""How firm an explanation is: ranks over resamples, agreement of top lists, permuted labels."""
