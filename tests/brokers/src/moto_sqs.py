"""The SQS of moto, at this port.

moto answers each request in a thread of its own, and its queues have no lock: a message that is
added while another is deleted is gone, and two receives may have the same. Here one thing happens
at a time, and a receive that waits looks again soon, as a message may be visible again.
"""

import sys
import threading
import time

from moto.moto_server.werkzeug_app import create_backend_app
from moto.sqs import models
from moto.sqs.models import SQSBackend
from werkzeug.serving import WSGIRequestHandler, run_simple

LOOKS = 0.01

# Asked for each message at each look. That of moto makes a date first, and takes ten times as long.
models.unix_time_millis = lambda: time.time() * 1000

lock = threading.RLock()


def alone(name):
    method = getattr(SQSBackend, name)

    def locked(*values, **named):
        with lock:
            return method(*values, **named)

    setattr(SQSBackend, name, locked)
    return locked


alone("send_message_batch")
alone("delete_message")
alone("change_message_visibility")
alone("get_queue_attributes")
look = alone("receive_message")


def receive_message(backend, queue, count, wait, *values, **named):
    until = time.monotonic() + wait
    while True:
        messages = look(backend, queue, count, 0, *values, **named)
        if messages or time.monotonic() > until:
            return messages
        time.sleep(LOOKS)


SQSBackend.receive_message = receive_message

# Its own server looks for the service of each request among all that there are, and ends each
# connection.
WSGIRequestHandler.protocol_version = "HTTP/1.1"
run_simple("127.0.0.1", int(sys.argv[1]), create_backend_app("sqs"), threaded=True)
