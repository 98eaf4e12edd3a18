"""How replicas follow the load: seconds until there are more, seconds until there are fewer."""
