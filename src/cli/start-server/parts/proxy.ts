/** Of a generated httpd.conf: parts of the URL space that another server answers. Virtual hosts of that kind are in hosts.ts. */
import type { Plan } from '../plan.js'
import { headerValue, line, type Part, quote, section } from '../text.js'

export function proxyPart({ given, port }: Plan): Part {
  return {
    about: 'What other servers answer.',
    lines: [
      line('ProxyTimeout', given.text('proxy-timeout')),
      ...given
        .pairs('proxy-mount-point')
        .flatMap(([url, backend]) => [
          ...proxied(url, backend),
          ...section('Location', quote(url), [
            `RequestHeader set X-Forwarded-Port ${port}`,
            'RequestHeader set X-Forwarded-Scheme "expr=%{REQUEST_SCHEME}"',
            `RequestHeader set X-Forwarded-Prefix ${headerValue(url.replace(/\/$/, ''))}`,
          ]),
        ]),
    ],
  }
}

/** Both ways: requests, and the addresses in responses. A slash at the end of one side alone would double or lose one. */
export function proxied(url: string, backend: string): string[] {
  const target = url.endsWith('/') === backend.endsWith('/') ? backend : matched(url, backend)
  const words = `${quote(url)} ${quote(target)}`
  return [`ProxyPass ${words} upgrade=websocket`, `ProxyPassReverse ${words}`]
}

function matched(url: string, backend: string): string {
  return url.endsWith('/') ? `${backend}/` : backend.replace(/\/$/, '')
}
