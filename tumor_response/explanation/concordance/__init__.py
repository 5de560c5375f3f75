"""Whether attention lay in the tumour, and where the tumour shrank."""
