"""ComBat (Johnson, Li and Rabinovic 2007, parametric) on all rows, as its users run it."""

from __future__ import annotations

import numpy as np
import pandas as pd


def combat_on_all_rows(X: pd.DataFrame, site: np.ndarray) -> pd.DataFrame:
    """Return the numeric columns of ``X`` harmonised over all its rows; missing values stay."""
    values = X.to_numpy(dtype=float).T
    sites = [site == name for name in np.unique(site)]
    shares = np.array([of.mean() for of in sites])
    means = np.column_stack([np.nanmean(values[:, of], axis=1) for of in sites])
    grand = means @ shares
    residual = values - sum(np.outer(means[:, k], of) for k, of in enumerate(sites))
    pooled = np.sqrt(np.nanmean(residual**2, axis=1))
    pooled[pooled == 0] = 1.0
    z = (values - grand[:, None]) / pooled[:, None]
    changed = np.empty_like(z)
    for of in sites:
        one = z[:, of]
        n = of.sum()
        shift, spread = np.nanmean(one, axis=1), np.nanvar(one, axis=1, ddof=1)
        m, v = spread.mean(), max(spread.var(ddof=1), 1e-12)
        a, b = (2 * v + m**2) / v, (m * v + m**3) / v
        centre, tau = shift.mean(), max(shift.var(ddof=1), 1e-12)
        gamma, delta = shift.copy(), spread.copy()
        for _ in range(30):
            gamma = (n * tau * shift + delta * centre) / (n * tau + delta)
            squares = np.nansum((one - gamma[:, None]) ** 2, axis=1)
            delta = (b + squares / 2) / (n / 2 + a - 1)
        changed[:, of] = (one - gamma[:, None]) / np.sqrt(delta[:, None])
    back = changed * pooled[:, None] + grand[:, None]
    return pd.DataFrame(back.T, index=X.index, columns=X.columns)
