"""How a bandit divides requests among its arms by what their answers earned."""
