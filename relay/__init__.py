"""
The path of one webhook.

::

    Customer.io
      | POST, signed
    server          uvicorn as we run it: header and connection guards, two listeners, lame duck
    ingress         admission, signature over the raw bytes, caps         ingress/endpoint.py
      | Envelope    raw body and the few headers that matter              envelope.py
    spool.append    one write and one fdatasync for all that wait         spool/log.py
      |             ........ only now 200 ........
    spool.read      entries without an outcome, in order                  spool/reader.py
      | Entry       position + envelope
    forward         decode, dedupe, filter, mapping set, schema           forward/transform.py
      | Record, or Rejected -> quarantine
    batch           records, bytes, age                                   forward/batch.py
    limit           adaptive concurrency                                  forward/limit.py
    inlet           POST to Adobe, item by item verdict                   forward/inlet.py
      | Settlement  delivered, duplicate, quarantined, filtered
    spool.settle    seen ids, outcomes, cursor in one transaction         spool/state.py

A 2xx promises that the event would survive power loss. From there every event has exactly one
outcome (`relay.outcome`), or is pending; the sum is kept by the spool and checked by ``relay
audit``.

Where may an event be lost? Only with the disk: damage is found by checksums and a high-water mark
and reported as ``lost`` with positions. Where may it be duplicated? Between Adobe's answer and our
settling: a crash there sends one batch again.
"""
