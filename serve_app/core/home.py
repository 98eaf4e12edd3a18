"""The variable that says where relative paths of configs start."""

HOME_VARIABLE = "SERVE_APP_HOME"
