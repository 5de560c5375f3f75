"""Every figure of merit besides the AUC: discrimination, calibration, net benefit, rates."""
