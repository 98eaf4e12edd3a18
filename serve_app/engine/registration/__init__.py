"""From a fitted estimator to a registered version, step by step."""

from serve_app.core.extras import require

# Whoever imports this from Python reads what to install, as users of the commands do.
require("pandas", "sklearn", "skops", "xgboost")
