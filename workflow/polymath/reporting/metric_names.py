"""The names of metrics in sentences and figures."""

METRIC_NAMES = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy",
                "macro_f1": "macro F1", "micro_f1": "micro F1",
                "subset_accuracy": "subset accuracy", "mcc": "MCC", "f1": "F1",
                "roc_auc": "ROC-AUC", "average_precision": "average precision",
                "spearman": "Spearman's ρ", "pearson": "Pearson's r", "r2": "R²",
                "rmse": "RMSE"}  # fmt: skip
