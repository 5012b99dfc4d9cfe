#!/usr/bin/env python3
"""Compares the Beta form of the gate with the package confseq (Howard, Waudby-Smith, Ramdas).

    beta_form.py PATH/TO/ha-deploy

Random walks of errors are replayed by `ha-deploy gate replay --policy beta=K,W` and by
confseq.boundaries.beta_binomial_log_mixture. Both must agree to 1e-9, relative or absolute.
Ends with `N rows agree`; any difference is a failure.
"""

import csv
import json
import math
import random
import subprocess
import sys
import tempfile

from confseq.boundaries import beta_binomial_log_mixture

ALPHA_OPT = 0.05
TOLERANCE = 1e-9


def prior(v_opt, share):
    """confseq's own prior parameter: optimal_rho of its BetaBinomialMixture, one-sided."""
    variance = share * (1 - share)
    log = 2 * math.log(1 / (2 * ALPHA_OPT))
    rho = v_opt / (log + math.log(1 + log))
    return max(rho - variance, 1e-3 * variance)


def replay(binary, rows, strength, share):
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["seconds", "candidate_requests", "candidate_errors", "baseline_requests", "baseline_errors"]
        )
        for second, (candidate, baseline) in enumerate(rows, 1):
            writer.writerow([second, 1000, candidate, 9000, baseline])
        file.flush()
        answer = subprocess.run(
            [binary, "gate", "replay", "--samples", file.name, "--json"]
            + ["--policy", f"beta={strength!r},{share!r}"],
            check=True, capture_output=True, text=True,
        )
    return [row["ln_e"] for row in json.loads(answer.stdout)]


def main(binary):
    generator = random.Random(5)
    agreed = 0
    for share in (0.05, 0.1, 0.25, 0.5):
        variance = share * (1 - share)
        for v_opt in (0.9, 9.0, 90.0):
            strength = prior(v_opt, share) / variance
            for tilt in (1.0, 3.0, 20.0):
                odds = share * tilt / (share * tilt + 1 - share)
                rows = []
                for _ in range(40):
                    errors = generator.randrange(12)
                    own = sum(generator.random() < odds for _ in range(errors))
                    rows.append((own, errors - own))
                ours = replay(binary, rows, strength, share)
                own, total = 0, 0
                for (candidate, baseline), said in zip(rows, ours, strict=True):
                    own, total = own + candidate, total + candidate + baseline
                    theirs = beta_binomial_log_mixture(
                        own - share * total, total * variance, v_opt, share, 1 - share,
                        alpha_opt=ALPHA_OPT, is_one_sided=True,
                    )
                    if not math.isclose(said, theirs, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
                        sys.exit(f"share {share}, v_opt {v_opt}, {own} of {total}: {said} is not {theirs}")
                    agreed += 1
    print(f"{agreed} rows agree")


if __name__ == "__main__":
    main(sys.argv[1])
