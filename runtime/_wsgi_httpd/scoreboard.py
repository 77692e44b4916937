"""`mod_wsgi.server_metrics()`: the server's processes and requests, as the server tells them (src/status/server-metrics.ts), in mod_wsgi's shape.

Requests of a server process are not bound to threads: an entry stands for a request or a connection, or for room for one. What the process has counted
stands with its first entry, so that sums are right.
"""


def server_metrics(told):
    """`told` is the server's message; None where it must not or does not answer."""
    if told is None:
        return None
    found = dict(told)
    found['processes'] = [dict(
        [(name, process[name]) for name in ('process_num', 'pid', 'generation', 'quiescing')],
        workers=workers_of(process)) for process in told['processes']]
    return found


def workers_of(process):
    resting = 'G' if process['quiescing'] else '_'
    found = [entry(process, **request) for request in process['running']]
    found += [entry(process, status='K') for _ in range(process['keep_alive'])]
    found += [entry(process, status='C') for _ in range(process['closing'])]
    found += [entry(process, status=resting) for _ in range(process['threads'] - len(found))]
    for number, worker in enumerate(found):
        worker['thread_num'] = number
    if found:
        found[0].update(access_count=process['access_count'], bytes_served=process['bytes_served'])
    return found


def entry(process, status, start_time=0.0, client='', request='', vhost=''):
    return {
        'thread_num': 0, 'generation': process['generation'], 'status': status, 'access_count': 0, 'bytes_served': 0,
        'start_time': start_time, 'stop_time': 0.0, 'last_used': start_time, 'client': client, 'request': request, 'vhost': vhost}
