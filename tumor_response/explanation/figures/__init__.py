"""The figures of an explanation.

shap's own plots draw on pyplot's current figure, give it their own size, fonts and colours, cut
names at 50 characters and know neither resamples nor permutations; its beeswarm, bars, waterfall
and decision plot are drawn here instead, on any axes. ``Explanation.to_shap`` hands the values to
the others.
"""
