"""The words of each protocol: one module per dialect, from bytes to columns and back.

A dialect is an object with a `name`, the `media_types` of its bodies (`""` stands for a
body that comes without a type), `decode(body, columns, *, max_rows) -> Payload` and
`encode(response) -> bytes`. Each module holds one, as `DIALECT`.
"""
