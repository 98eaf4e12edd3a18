"""What was watched for a while, as one document: values, and the page that people read."""
