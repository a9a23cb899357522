"""Judge before ship: evaluation, fairness, reports, approval, and the MLflow registry."""
