"""The contracts that clients of earlier systems already speak, over the same use cases as our own API.

Nothing outside this package knows that there are dialects, but for the addresses and for those who follow a
submission live in one of them. What a contract leaves open is defined where it is built:

    values       statuses, numbers and messages in each dialect's words: pure functions
    bodies       what all of them are sent
    s0           /v1/submissions, /v1/judge-question, /v1/judge
    s1           /api/execute, /api/status, /api/executions
    s3           /api/execution/…
    challenges   /api/challenges, of S3
    s4           /api/v1/executions/…
    live         what followers are told in each
    urls         all their addresses
"""
