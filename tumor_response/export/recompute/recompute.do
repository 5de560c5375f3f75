* Recomputes the headline AUCs and their intervals from the files of this folder alone.
*
*   cd to this folder, then: do recompute.do
*
* For evaluations of responses (two classes); for rates and thirds see recompute.R. It reads
* headline.csv (what is to be computed), outcomes, resamples and scores, each from its .dta where
* there is one, else from its .csv. The library's own figures are in README.md, which this file
* does not read.

version 15
clear all
set more off
set type double

capture program drop load_sheet
program define load_sheet
    args name
    capture confirm file "`name'.dta"
    if _rc == 0 {
        use "`name'.dta", clear
    }
    else {
        import delimited using "`name'.csv", varnames(1) case(preserve) asdouble ///
            encoding("utf-8") clear
    }
    capture confirm string variable patient_id
    if _rc != 0 {
        tostring patient_id, replace
    }
    capture confirm string variable lesion_id
    if _rc != 0 {
        capture tostring lesion_id, replace
    }
end

mata:
// S: a row for each resample and tested lesion, sorted by resample; its columns are
// resample, lesion, patient, y, score_1, score_2 ...
// R: a row for each resample and patient: resample, patient, times drawn, tested.

// First and last row of each resample in S.
real matrix ends_of(real matrix S, real scalar n_resamples)
{
    real matrix E
    real scalar i, b
    E = J(n_resamples, 2, 0)
    for (i=1; i<=rows(S); i++) {
        b = S[i,1]
        if (E[b,1] == 0) {
            E[b,1] = i
        }
        E[b,2] = i
    }
    return(E)
}

// 1 where the first score is above the second, 1/2 where they are equal, else 0.
real scalar above(real scalar a, real scalar b)
{
    return((a > b) + 0.5 * (a == b))
}

// AUC of the rows from first to last (Mann-Whitney); missing where they have one class.
real scalar auc_of(real matrix S, real scalar column, real scalar first, real scalar last)
{
    real scalar i, j, wins, pairs
    wins = 0
    pairs = 0
    for (i=first; i<=last; i++) {
        for (j=first; j<=last; j++) {
            if (S[i,4] > S[j,4]) {
                wins = wins + above(S[i,column], S[j,column])
                pairs = pairs + 1
            }
        }
    }
    if (pairs == 0) {
        return(.)
    }
    return(wins / pairs)
}

// The AUC of each resample.
real matrix aucs_of(real matrix S, real scalar column, real matrix E)
{
    real matrix A
    real scalar b
    A = J(rows(E), 1, .)
    for (b=1; b<=rows(E); b++) {
        A[b,1] = auc_of(S, column, E[b,1], E[b,2])
    }
    return(A)
}

// How many resamples have an AUC.
real scalar n_defined(real matrix A)
{
    real scalar b, n
    n = 0
    for (b=1; b<=rows(A); b++) {
        if (!missing(A[b,1])) {
            n = n + 1
        }
    }
    return(n)
}

// Mean of the AUCs that are defined: the headline.
real scalar mean_of(real matrix A)
{
    real scalar b, total
    total = 0
    for (b=1; b<=rows(A); b++) {
        if (!missing(A[b,1])) {
            total = total + A[b,1]
        }
    }
    return(total / n_defined(A))
}

// Nadeau and Bengio 2003: the variance of the mean of overlapping resamples.
real scalar resampled_variance(real matrix A, real matrix R)
{
    real scalar b, i, centre, squares, tested, trained, n
    n = n_defined(A)
    centre = mean_of(A)
    squares = 0
    for (b=1; b<=rows(A); b++) {
        if (!missing(A[b,1])) {
            squares = squares + (A[b,1] - centre)^2
        }
    }
    tested = 0
    trained = 0
    for (i=1; i<=rows(R); i++) {
        tested = tested + R[i,4]
        trained = trained + (R[i,3] > 0)
    }
    return((1 / n + tested / trained) * squares / (n - 1))
}

// Variance about the AUC of the refitted model, from the influence of each patient: as one who is
// tested (T), and as one who models were trained on (G).
real scalar influence_variance(real matrix S, real scalar column, real matrix E, real matrix R, real scalar n, real scalar n_patients)
{
    real matrix wins, compared, together, weight, pair_mean, T, G, residual, patient
    real scalar i, j, b, p, q, total, estimate, centred, squares, both
    wins = J(n, n, 0)
    compared = J(n, n, 0)
    together = J(n, n, 0)
    patient = J(n, 1, 0)
    for (b=1; b<=rows(E); b++) {
        for (i=E[b,1]; i<=E[b,2]; i++) {
            p = S[i,2]
            patient[p,1] = S[i,3]
            for (j=E[b,1]; j<=E[b,2]; j++) {
                q = S[j,2]
                together[p,q] = together[p,q] + 1
                if (S[i,4] > S[j,4]) {
                    wins[p,q] = wins[p,q] + above(S[i,column], S[j,column])
                    compared[p,q] = compared[p,q] + 1
                }
            }
        }
    }
    weight = J(n, n, 0)
    pair_mean = J(n, n, 0)
    total = 0
    for (p=1; p<=n; p++) {
        for (q=1; q<=n; q++) {
            if (compared[p,q] > 0) {
                weight[p,q] = compared[p,q] / together[p,q]
                pair_mean[p,q] = wins[p,q] / compared[p,q]
                total = total + weight[p,q]
            }
        }
    }
    estimate = 0
    for (p=1; p<=n; p++) {
        for (q=1; q<=n; q++) {
            weight[p,q] = weight[p,q] / total
            estimate = estimate + weight[p,q] * pair_mean[p,q]
        }
    }
    T = J(n_patients, 1, 0)
    for (p=1; p<=n; p++) {
        for (q=1; q<=n; q++) {
            if (compared[p,q] > 0) {
                centred = weight[p,q] * (pair_mean[p,q] - estimate)
                T[patient[p,1],1] = T[patient[p,1],1] + centred
                T[patient[q,1],1] = T[patient[q,1],1] + centred
            }
        }
    }
    residual = J(rows(E), 1, 0)
    for (b=1; b<=rows(E); b++) {
        for (i=E[b,1]; i<=E[b,2]; i++) {
            for (j=E[b,1]; j<=E[b,2]; j++) {
                if (S[i,4] > S[j,4]) {
                    p = S[i,2]
                    q = S[j,2]
                    residual[b,1] = residual[b,1] + weight[p,q] * rows(E) / compared[p,q] * (above(S[i,column], S[j,column]) - pair_mean[p,q])
                }
            }
        }
    }
    G = J(n_patients, 1, 0)
    for (i=1; i<=rows(R); i++) {
        b = R[i,1]
        p = R[i,2]
        G[p,1] = G[p,1] + (R[i,3] - 1) * residual[b,1] / rows(E)
    }
    squares = 0
    both = 0
    for (p=1; p<=n_patients; p++) {
        squares = squares + T[p,1]^2
        both = both + T[p,1] * G[p,1]
    }
    return(squares + max((2 * both, 0)))
}

// Obuchowski 1997 (DeLong's, where no patient has two lesions), on the rows of one test set.
real scalar clustered_variance(real matrix S, real scalar column, real scalar n_patients)
{
    real matrix X, Y, has
    real scalar i, j, k, n_pos, n_neg, auc, placed, n10, n01, n_any, xx, yy, xy
    X = J(n_patients, 1, 0)
    Y = J(n_patients, 1, 0)
    has = J(n_patients, 2, 0)
    auc = auc_of(S, column, 1, rows(S))
    n_pos = 0
    n_neg = 0
    for (i=1; i<=rows(S); i++) {
        n_pos = n_pos + (S[i,4] == 1)
        n_neg = n_neg + (S[i,4] == 0)
    }
    for (i=1; i<=rows(S); i++) {
        placed = 0
        k = S[i,3]
        if (S[i,4] == 1) {
            for (j=1; j<=rows(S); j++) {
                if (S[j,4] == 0) {
                    placed = placed + above(S[i,column], S[j,column])
                }
            }
            X[k,1] = X[k,1] + (placed / n_neg - auc) / n_pos
            has[k,1] = 1
        }
        else {
            for (j=1; j<=rows(S); j++) {
                if (S[j,4] == 1) {
                    placed = placed + above(S[j,column], S[i,column])
                }
            }
            Y[k,1] = Y[k,1] + (placed / n_pos - auc) / n_neg
            has[k,2] = 1
        }
    }
    n10 = 0
    n01 = 0
    n_any = 0
    xx = 0
    yy = 0
    xy = 0
    for (k=1; k<=n_patients; k++) {
        n10 = n10 + has[k,1]
        n01 = n01 + has[k,2]
        n_any = n_any + (has[k,1] + has[k,2] > 0)
        xx = xx + X[k,1]^2
        yy = yy + Y[k,1]^2
        xy = xy + X[k,1] * Y[k,1]
    }
    return(max((n10 / (n10 - 1) * xx + n01 / (n01 - 1) * yy + 2 * n_any / (n_any - 1) * xy, 0)))
}

// A limit on the log-odds scale: side is -1 or 1, q the quantile.
real scalar limit(real scalar estimate, real scalar variance, real scalar q, real scalar side)
{
    real scalar plain
    if (estimate <= 0) {
        plain = estimate + side * q * sqrt(variance)
        return(min((max((plain, 0)), 1)))
    }
    if (estimate >= 1) {
        plain = estimate + side * q * sqrt(variance)
        return(min((max((plain, 0)), 1)))
    }
    return(invlogit(logit(estimate) + side * q * sqrt(variance) / (estimate * (1 - estimate))))
}

// AUC and both limits, for the method and level of headline.csv; missing for other methods.
real matrix headline_of(real matrix S, real matrix R, real scalar column, string scalar method, real scalar level, real scalar n, real scalar n_patients)
{
    real matrix E, A, F
    real scalar variance, q, tail
    F = J(1, 3, .)
    E = ends_of(S, S[rows(S),1])
    A = aucs_of(S, column, E)
    F[1,1] = mean_of(A)
    tail = (1 - level) / 2
    variance = .
    if (method == "oob_combined") {
        variance = max((influence_variance(S, column, E, R, n, n_patients), resampled_variance(A, R)))
        q = invttail(n_defined(A) - 1, tail)
    }
    if (method == "corrected_resampled") {
        variance = resampled_variance(A, R)
        q = invttail(n_defined(A) - 1, tail)
    }
    if (method == "delong") {
        variance = clustered_variance(S, column, n_patients)
        q = -invnormal(tail)
    }
    if (method == "obuchowski") {
        variance = clustered_variance(S, column, n_patients)
        q = -invnormal(tail)
    }
    if (!missing(variance)) {
        F[1,2] = limit(F[1,1], variance, q, -1)
        F[1,3] = limit(F[1,1], variance, q, 1)
    }
    return(F)
}
end

import delimited using "headline.csv", varnames(1) case(preserve) stringcols(_all) ///
    encoding("utf-8") clear
local n_models = _N
local task = task[1]
local headline = headline[1]
local method = ci_method[1]
local level = level[1]
local columns ""
forvalues k = 1/`n_models' {
    local model_`k' = model[`k']
    local columns "`columns' score_`k'"
}
if "`task'" != "response" {
    display as error "This file is for responses; recompute.R does the others."
    exit 198
}

load_sheet outcomes
keep if evaluated == 1
keep patient_id lesion_id
sort patient_id lesion_id
egen long patient = group(patient_id)
generate long lesion = _n
local n_lesions = _N
quietly summarize patient
local n_patients = r(max)
tempfile lesions patients
quietly save "`lesions'"
keep patient_id patient
quietly duplicates drop
quietly save "`patients'"

load_sheet scores
quietly merge m:1 patient_id lesion_id using "`lesions'", assert(match using) keep(match) nogenerate
sort resample lesion
mata: S = st_data(., tokens("resample lesion patient y `columns'"))

load_sheet resamples
quietly merge m:1 patient_id using "`patients'", assert(match) nogenerate
sort resample patient
mata: R = st_data(., tokens("resample patient times_drawn tested"))

forvalues k = 1/`n_models' {
    mata: st_matrix("found", headline_of(S, R, `k' + 4, "`method'", `level', `n_lesions', `n_patients'))
    display as text "`model_`k'': `headline' = " as result %18.15f el(found, 1, 1) ///
        as text ", " 100 * `level' " % interval (`method') " ///
        as result %18.15f el(found, 1, 2) as text " to " as result %18.15f el(found, 1, 3)
}
