# Recomputes the headline figures and their intervals from the files of this folder alone.
#
#   Rscript recompute.R             (in this folder; base R, no packages)
#   Rscript recompute.R out.csv     (writes what it found to a file outside the bundle)
#
# It reads headline.csv (what is to be computed), outcomes, resamples, scores and apparent, each
# from its .rds where there is one, else from its .csv: an .rds holds numbers to the last bit, and
# R may read the last digit of a text otherwise. The library's own figures are in README.md, which
# this script does not read.

KEYS <- c("patient_id", "lesion_id")

sheet <- function(name) {
  if (file.exists(paste0(name, ".rds"))) {
    frame <- as.data.frame(readRDS(paste0(name, ".rds")), stringsAsFactors = FALSE)
    for (column in setdiff(names(frame), KEYS))
      if (is.numeric(frame[[column]])) frame[[column]] <- as.numeric(frame[[column]])
  } else {
    frame <- read.csv(paste0(name, ".csv"), colClasses = "character", na.strings = "",
                      encoding = "UTF-8")
    for (column in setdiff(names(frame), KEYS))
      frame[[column]] <- type.convert(frame[[column]], as.is = TRUE)
  }
  for (column in intersect(names(frame), KEYS)) frame[[column]] <- as.character(frame[[column]])
  frame
}

# --- measures -----------------------------------------------------------------------------------

# Pairs of rows with different outcomes, for every two values of the outcome: `above` is 1 where the
# row with the higher outcome scores higher, 1/2 for equal scores, else 0.
ordered_pairs <- function(y, score) {
  levels <- sort(unique(y))
  found <- list()
  for (high in seq_along(levels)[-1]) for (low in seq_len(high - 1)) {
    better <- which(y == levels[high])
    worse <- which(y == levels[low])
    above <- (sign(outer(score[better], score[worse], "-")) + 1) / 2
    found[[length(found) + 1]] <- list(better = better, worse = worse, above = above)
  }
  found
}

# AUC (Mann-Whitney; for ordered classes Harrell's C): the share of pairs that are ranked alike.
concordance <- function(y, score) {
  pairs <- ordered_pairs(y, score)
  if (length(pairs) == 0) return(NA_real_)
  sum(sapply(pairs, function(p) sum(p$above))) / sum(sapply(pairs, function(p) length(p$above)))
}

# Share of squared error saved over the mean of the training rows.
r_squared <- function(y, score, reference) 1 - sum((y - score)^2) / sum((y - reference)^2)

auc_632 <- function(apparent, out) 0.368 * apparent + 0.632 * out

# Efron and Tibshirani 1997, for the AUC.
auc_632plus <- function(apparent, out) {
  overfit <- 0
  if (apparent > 0.5) {
    if (out <= 0.5) overfit <- 1
    else if (out < apparent) overfit <- (apparent - out) / (apparent - 0.5)
  }
  w <- 0.632 / (1 - 0.368 * overfit)
  (1 - w) * apparent + w * max(out, 0.5)
}

# --- limits -------------------------------------------------------------------------------------

normal_limits <- function(estimate, se, level, df = Inf) {
  estimate + c(-1, 1) * qt(0.5 + level / 2, df) * se
}

# Symmetric on the log-odds scale, by the delta method.
logit_limits <- function(estimate, se, level, df = Inf) {
  if (!(estimate > 0 && estimate < 1))
    return(pmin(pmax(normal_limits(estimate, se, level, df), 0), 1))
  half <- qt(0.5 + level / 2, df) * se / (estimate * (1 - estimate))
  plogis(qlogis(estimate) + c(-1, 1) * half)
}

about <- function(study, estimate, variance, level, df = Inf) {
  limits <- if (study$task == "rate") normal_limits else logit_limits
  limits(estimate, sqrt(variance), level, df)
}

# --- variances ----------------------------------------------------------------------------------

# Nadeau and Bengio 2003: the spread of the resamples' values, corrected for their overlap.
resampled_variance <- function(study, values) {
  known <- values[is.finite(values)]
  if (length(known) < 2) stop("fewer than two resamples with both classes")
  (1 / length(known) + sum(study$n_tested) / sum(study$n_trained)) * var(known)
}

# Influence of every patient on the leave-pair-out AUC, as tested (T) and as trained on (R).
pair_influence <- function(study, scores) {
  n <- nrow(study$lesions)
  wins <- compared <- out <- matrix(0, n, n)
  found <- vector("list", study$n_resamples)
  for (b in seq_len(study$n_resamples)) {
    rows <- study$row[study$of_resample[[b]]]
    out[rows, rows] <- out[rows, rows] + 1
    found[[b]] <- lapply(
      ordered_pairs(study$y[study$of_resample[[b]]], scores[study$of_resample[[b]]]),
      function(p) list(i = rows[p$better], j = rows[p$worse], above = p$above))
    for (p in found[[b]]) {
      wins[p$i, p$j] <- wins[p$i, p$j] + p$above
      compared[p$i, p$j] <- compared[p$i, p$j] + 1
    }
  }
  seen <- compared > 0
  mean_of_pair <- share <- per_pair <- matrix(0, n, n)
  mean_of_pair[seen] <- wins[seen] / compared[seen]
  share[seen] <- compared[seen] / out[seen]
  weight <- share / sum(share)
  estimate <- sum(weight * mean_of_pair)
  centred <- weight * (mean_of_pair - estimate)
  patient <- factor(study$lesions$patient_id, levels = study$patients)
  tested <- as.vector(rowsum(rowSums(centred) + colSums(centred), patient)[study$patients, ])
  per_pair[seen] <- weight[seen] * study$n_resamples / compared[seen]
  residual <- sapply(found, function(pairs)
    sum(0, sapply(pairs, function(p) sum(per_pair[p$i, p$j] * (p$above - mean_of_pair[p$i, p$j])))))
  counts <- study$drawn - 1
  trained <- as.vector(crossprod(counts, residual)) / study$n_resamples
  plain_variance <- function(x) mean((x - mean(x))^2)
  noise <- sum(apply(counts, 2, plain_variance) * plain_variance(residual)) / study$n_resamples
  list(tested = tested, trained = trained, noise = noise)
}

variance_about_target <- function(influence) {
  sum(influence$tested^2) + max(2 * sum(influence$tested * influence$trained), 0)
}

variance_of_estimate <- function(influence) {
  cross <- 2 * sum(influence$tested * influence$trained)
  sum(influence$tested^2) + max(cross + max(sum(influence$trained^2) - influence$noise, 0), 0)
}

# Obuchowski 1997 (DeLong's, where no patient has two lesions).
clustered_auc <- function(y, score, patient) {
  pairs <- ordered_pairs(y, score)[[1]]
  auc <- mean(pairs$above)
  above <- rowMeans(pairs$above) - auc
  below <- colMeans(pairs$above) - auc
  names <- unique(patient)
  sums <- function(values, rows) {
    total <- setNames(numeric(length(names)), names)
    by_patient <- tapply(values, patient[rows], sum)
    total[names(by_patient)] <- by_patient
    total
  }
  X <- sums(above, pairs$better) / length(pairs$better)
  Y <- sums(below, pairs$worse) / length(pairs$worse)
  n <- c(length(unique(patient[pairs$better])), length(unique(patient[pairs$worse])), length(names))
  factors <- n / (n - 1)
  variance <- factors[1] * sum(X^2) + factors[2] * sum(Y^2) + 2 * factors[3] * sum(X * Y)
  list(auc = auc, variance = max(variance, 0))
}

# The value of each resample without each of its tested patients.
values_without_each <- function(study, scores) {
  left <- matrix(NA_real_, study$n_resamples, length(study$patients))
  for (b in seq_len(study$n_resamples)) {
    rows <- study$of_resample[[b]]
    y <- study$y[rows]
    score <- scores[rows]
    patient <- study$tested_patient[rows]
    for (one in unique(patient)) {
      kept <- patient != one
      value <- if (!any(kept)) NA_real_
        else if (study$task == "rate") r_squared(y[kept], score[kept], study$reference[b])
        else concordance(y[kept], score[kept])
      left[b, match(one, study$patients)] <- value
    }
  }
  left
}

# Efron's jackknife after the bootstrap, less what finitely many resamples add.
jackknife_variance <- function(study, values, scores) {
  left <- values_without_each(study, scores)
  left[study$drawn > 0] <- NA
  known <- is.finite(values)
  left <- left[known, , drop = FALSE]
  used <- colSums(!is.na(left)) > 0
  means <- colMeans(left[, used, drop = FALSE], na.rm = TRUE)
  n <- sum(used)
  spread <- mean((values[known] - mean(values[known]))^2)
  variance <- (n - 1) / n * sum((means - mean(means))^2) -
    (exp(1) - 1) * n * spread / sum(known)
  if (!(variance > 0) || !all(used)) stop("too few resamples for this jackknife")
  variance
}

bagged <- function(study, scores) {
  total <- tapply(scores, factor(study$row, levels = seq_len(nrow(study$lesions))), mean)
  as.vector(total)
}

# LeDell, Petersen and van der Laan 2015; folds of one class are left out.
fold_influence <- function(study, values, scores) {
  whole <- which(is.finite(values))
  rows <- unlist(study$of_resample[whole])
  share <- mean(study$y[rows] == 1)
  variances <- sapply(split(whole, study$repeat_of[whole]), function(folds) {
    influence <- numeric(0)
    for (b in folds) {
      at <- study$of_resample[[b]]
      pairs <- ordered_pairs(study$y[at], scores[at])[[1]]
      part <- numeric(length(at))
      part[pairs$better] <- (rowMeans(pairs$above) - mean(pairs$above)) / share
      part[pairs$worse] <- (colMeans(pairs$above) - mean(pairs$above)) / (1 - share)
      influence <- c(influence, setNames(part, study$tested_patient[at]))
    }
    sum((tapply(influence, names(influence), sum) / length(influence))^2)
  })
  list(auc = mean(values[whole]), variance = mean(variances))
}

# --- the intervals ------------------------------------------------------------------------------

# Not here: location_shifted and its kin. They need each resample's model on its own training rows,
# whose scores are not kept.
interval <- function(method, study, values, scores, level) {
  known <- values[is.finite(values)]
  estimate <- mean(known)
  one_test_set <- function() {
    rows <- study$of_resample[[1]]
    found <- clustered_auc(study$y[rows], scores[rows], study$tested_patient[rows])
    logit_limits(found$auc, sqrt(found$variance), level)
  }
  switch(method,
    oob_combined = {
      variance <- max(variance_about_target(pair_influence(study, scores)),
                      resampled_variance(study, values))
      about(study, estimate, variance, level, length(known) - 1)
    },
    oob_influence = about(
      study, estimate, variance_about_target(pair_influence(study, scores)), level),
    delta_after_bootstrap = about(
      study, estimate, variance_of_estimate(pair_influence(study, scores)), level),
    oob_percentile = as.vector(quantile(known, c((1 - level) / 2, 1 - (1 - level) / 2), type = 7)),
    corrected_resampled = about(
      study, estimate, resampled_variance(study, values), level, length(known) - 1),
    jackknife_after_bootstrap = about(
      study, estimate, jackknife_variance(study, values, scores), level),
    bagged_scores = {
      score <- bagged(study, scores)
      seen <- is.finite(score)
      found <- clustered_auc(study$lesions$y[seen], score[seen], study$lesions$patient_id[seen])
      about(study, estimate, found$variance, level)
    },
    ledell = {
      found <- fold_influence(study, values, scores)
      about(study, found$auc, found$variance, level)
    },
    delong = {
      if (anyDuplicated(study$tested_patient[study$of_resample[[1]]]))
        stop("DeLong's variance takes one lesion per patient")
      one_test_set()
    },
    obuchowski = one_test_set(),
    jackknife = {
      left <- values_without_each(study, scores)[1, ]
      left <- left[is.finite(left)]
      variance <- (length(left) - 1) / length(left) * sum((left - mean(left))^2)
      about(study, values[1], variance, level)
    },
    stop(paste0("the interval ", method, " cannot be recomputed from these files")))
}

METHODS <- list(
  bootstrap = c("oob_combined", "oob_influence", "oob_percentile", "corrected_resampled",
                "delta_after_bootstrap", "jackknife_after_bootstrap", "bagged_scores"),
  folds = c("corrected_resampled", "ledell"),
  test_set = c("delong", "obuchowski", "jackknife"))
RANKED <- c("oob_combined", "oob_influence", "delta_after_bootstrap")
TWO_CLASSES <- c("bagged_scores", "ledell", "delong", "obuchowski")

serving <- function(kind, task) {
  methods <- METHODS[[kind]]
  if (task == "rate") methods <- setdiff(methods, RANKED)
  if (task != "response") methods <- setdiff(methods, TWO_CLASSES)
  methods
}

# --- the files ----------------------------------------------------------------------------------

read_study <- function(headline) {
  scores <- sheet("scores")
  resamples <- sheet("resamples")
  outcomes <- sheet("outcomes")
  lesions <- outcomes[outcomes$evaluated == 1, ]
  n_resamples <- max(resamples$resample)
  patients <- sort(unique(lesions$patient_id))
  key <- function(frame) paste(frame$patient_id, frame$lesion_id, sep = "\r")
  drawn <- tested <- matrix(0, n_resamples, length(patients))
  at <- cbind(resamples$resample, match(resamples$patient_id, patients))
  drawn[at] <- resamples$times_drawn
  tested[at] <- resamples$tested
  first <- match(seq_len(n_resamples), resamples$resample)
  trained_on <- drawn[, match(lesions$patient_id, patients), drop = FALSE]
  list(
    task = headline$task[1], lesions = lesions, patients = patients, scores = scores,
    y = scores$y, row = match(key(scores), key(lesions)), tested_patient = scores$patient_id,
    of_resample = split(seq_len(nrow(scores)), factor(scores$resample, seq_len(n_resamples))),
    n_resamples = n_resamples, drawn = drawn, n_tested = rowSums(tested),
    n_trained = rowSums(drawn > 0), repeat_of = resamples$repetition[first],
    cut = resamples$cut[first], trained_on = trained_on,
    reference = as.vector(trained_on %*% lesions$y) / rowSums(trained_on))
}

# Nobody is trained on and tested in one resample, and whoever is tested has a score.
check_study <- function(study) {
  if (any(is.na(study$row))) stop("scores of lesions that were not evaluated")
  at <- cbind(rep(seq_len(study$n_resamples), lengths(study$of_resample)),
              match(study$tested_patient, study$patients))
  if (any(study$drawn[at] > 0)) stop("a patient was scored by a model that was fitted to it")
}

# Where classes come of a cut that training rows decide, cut and classes are found anew.
check_cuts <- function(study, headline) {
  share <- c(median = 1 / 2, lower_tertile = 1 / 3, upper_tertile = 2 / 3)[headline$cut[1]]
  if (headline$shrank_sign[1] == 0 || headline$cut_is_fitted[1] == 0 || is.na(share)) return(NA)
  value <- study$lesions$end_point * headline$shrank_sign[1]
  worst <- 0
  for (b in seq_len(study$n_resamples)) {
    training <- rep(value, study$trained_on[b, ])
    cut <- as.vector(quantile(training, share, type = 7))
    worst <- max(worst, abs(cut - headline$shrank_sign[1] * study$cut[b]))
    rows <- study$of_resample[[b]]
    clear <- abs(value[study$row[rows]] - cut) > 1e-9 * (1 + abs(cut))
    y <- as.numeric(value[study$row[rows]] > cut)
    if (any((y != study$y[rows])[clear])) stop(paste("resample", b, "has other classes"))
  }
  worst
}

# End points made anew of the two volumes and the days.
check_end_points <- function() {
  outcomes <- sheet("outcomes")
  if (!all(c("volume_baseline_cc", "volume_follow_up_cc") %in% names(outcomes))) return(NA)
  v0 <- outcomes$volume_baseline_cc
  v1 <- outcomes$volume_follow_up_cc
  made <- list(volume_change_cc = v1 - v0, volume_change_percent = 100 * (v1 - v0) / v0,
               shrinkage_percent = 100 * (v0 - v1) / v0, log_volume_ratio = log(v1 / v0))
  worst <- 0
  for (name in intersect(names(made), names(outcomes)))
    worst <- max(worst, abs(made[[name]] - outcomes[[name]]), na.rm = TRUE)
  worst
}

value_of <- function(study, scores, b) {
  rows <- study$of_resample[[b]]
  if (length(unique(study$y[rows])) < 2) return(NA_real_)
  if (study$task == "rate") r_squared(study$y[rows], scores[rows], study$reference[b])
  else concordance(study$y[rows], scores[rows])
}

figures <- function(study, headline, k) {
  about_it <- headline[k, ]
  scores <- study$scores[[about_it$score_column]]
  values <- sapply(seq_len(study$n_resamples), function(b) value_of(study, scores, b))
  estimate <- mean(values, na.rm = TRUE)
  found <- data.frame(model = about_it$model, figure = about_it$headline, method = "",
                      value = estimate, low = NA_real_, high = NA_real_)
  add <- function(figure, method, value, limits = c(NA, NA)) rbind(found, data.frame(
    model = about_it$model, figure = figure, method = method, value = value,
    low = limits[1], high = limits[2]))
  for (method in unique(c(about_it$ci_method, serving(about_it$kind, about_it$task)))) {
    limits <- tryCatch(interval(method, study, values, scores, about_it$level),
                       error = function(e) { message(method, ": ", conditionMessage(e)); c(NA, NA) })
    figure <- if (method == about_it$ci_method) "interval" else "another interval"
    found <- add(figure, method, NA_real_, limits)
  }
  if (about_it$kind == "bootstrap" && about_it$task != "rate") {
    apparent <- sheet("apparent")
    known <- is.finite(apparent[[about_it$score_column]])
    seen <- concordance(apparent$y[known], apparent[[about_it$score_column]][known])
    found <- add(paste0(about_it$measure, "_apparent"), "", seen)
    found <- add(paste0(about_it$measure, "_632"), "", auc_632(seen, estimate))
    found <- add(paste0(about_it$measure, "_632plus"), "", auc_632plus(seen, estimate))
  }
  found
}

main <- function(to) {
  headline <- read.csv("headline.csv", stringsAsFactors = FALSE)
  headline$model <- as.character(headline$model)
  headline$cut <- as.character(headline$cut)
  study <- read_study(headline)
  check_study(study)
  message("Largest difference of a cut found anew: ", format(check_cuts(study, headline)))
  message("Largest difference of an end point found anew: ", format(check_end_points()))
  found <- do.call(rbind, lapply(seq_len(nrow(headline)), function(k) figures(study, headline, k)))
  for (column in c("value", "low", "high"))
    found[[column]] <- ifelse(is.na(found[[column]]), NA, sprintf("%.17g", found[[column]]))
  write.csv(found, if (length(to)) to[1] else stdout(), row.names = FALSE, quote = 1:3, na = "")
}

main(commandArgs(trailingOnly = TRUE))
