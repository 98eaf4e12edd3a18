"""Why a model says what it says: exactly of lines and of trees, by sampling of all else.

`choice.explainer_of` tries them in this order and takes the first whose contributions add up to
what the model itself says of rows that it was trained on.
"""
