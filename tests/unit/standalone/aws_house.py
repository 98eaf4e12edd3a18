"""Events as AWS's documentation shows them, and a function's context with a clock of the test's."""

import base64


class Context:
    """What Lambda tells of an invocation; `left_s` seconds of it are left."""

    def __init__(self, request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef", left_s=30.0):
        self.aws_request_id = request_id
        self.left_s = left_s

    def get_remaining_time_in_millis(self):
        return int(self.left_s * 1000)


def _body(body):
    if isinstance(body, bytes):
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return {"body": body, "isBase64Encoded": False}


def of_url(path, body="", *, method="POST", headers=None, query="", cookies=None):
    """A function URL's or an HTTP API's event, version 2.0."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        **({} if cookies is None else {"cookies": cookies}),
        "headers": {
            "content-type": "application/json",
            "host": "abc.lambda-url.eu-central-1.on.aws",
            "x-forwarded-proto": "https",
            "x-forwarded-port": "443",
            **(headers or {}),
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abc",
            "domainName": "abc.lambda-url.eu-central-1.on.aws",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "curl",
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
        },
        **_body(body),
    }


def of_api(path, body="", *, method="POST", headers=None, query=None):
    """A REST API's event, version 1.0, with its headers and their values twice."""
    headers = {"Content-Type": "application/json", "Host": "api.example", **(headers or {})}
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": (
            None if query is None else {name: [value] for name, value in query.items()}
        ),
        "pathParameters": {"proxy": path[1:]},
        "requestContext": {
            "resourcePath": "/{proxy+}",
            "httpMethod": method,
            "path": f"/prod{path}",
            "stage": "prod",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        **_body(body),
    }


def of_balancer(path, body="", *, method="POST", headers=None, query=None, several=False):
    """An application load balancer's event, with one value per header or several."""
    headers = {"content-type": "application/json", "host": "balancer.example", **(headers or {})}
    query = query or {}
    if several:
        given = {
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "multiValueQueryStringParameters": {name: [one] for name, one in query.items()},
        }
    else:
        given = {"headers": headers, "queryStringParameters": query}
    target = "arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/example/0"
    return {
        "requestContext": {"elb": {"targetGroupArn": target}},
        "httpMethod": method,
        "path": path,
        **given,
        **_body(body),
    }


def bytes_of(answer):
    """The body of an answer, as its client gets it."""
    body = answer["body"]
    return base64.b64decode(body) if answer["isBase64Encoded"] else body.encode()
