/** Of a generated httpd.conf: who may come in, the status page, error pages. */
import type { Plan } from '../plan.js'
import { type Part, quote, quoted, section } from '../text.js'

export function accessParts(plan: Plan): Part[] {
  return [logIn(plan), clientCertificates(plan), ignored(plan), status(plan), errors(plan)]
}

function logIn({ given, hooks, hostName, port }: Plan): Part {
  const { access, user, group } = hooks
  if (access === undefined && user === undefined) return { about: '', lines: [] }
  const type = given.text('auth-type') ?? 'Basic'
  return {
    about: 'Who may come in: scripts that run in the server processes.',
    lines: section('Location', '"/"', [
      quoted('WSGIAccessScript', access),
      ...(user === undefined
        ? []
        : [
            `AuthType ${type}`,
            `AuthName ${quote(`${hostName}:${port}`)}`,
            `Auth${type}Provider wsgi`,
            quoted('WSGIAuthUserScript', user),
            quoted('WSGIAuthGroupScript', group),
            group === undefined
              ? 'Require valid-user'
              : `Require wsgi-group ${quote(given.text('auth-group') ?? 'wsgi')}`,
          ]),
    ]),
  }
}

function clientCertificates({ tls }: Plan): Part {
  return {
    about: 'Where clients need a certificate.',
    lines: (tls?.verified ?? []).flatMap((url) =>
      section('Location', quote(url), ['SSLVerifyClient require', 'SSLVerifyDepth 1']),
    ),
  }
}

function ignored({ given }: Plan): Part {
  return {
    about: 'Requests that do not keep a process from being idle.',
    lines: given
      .list('ignore-activity')
      .flatMap((url) => section('Location', quote(url), ['WSGIIgnoreActivity On'])),
  }
}

function status({ given }: Plan): Part {
  if (!given.has('server-status')) return { about: '', lines: [] }
  return {
    about: 'What the server is doing, for clients on this machine.',
    lines: [
      'ExtendedStatus On',
      ...section('Location', '"/server-status"', ['SetHandler server-status', 'Require local']),
    ],
  }
}

function errors({ given }: Plan): Part {
  return {
    about: 'Error pages.',
    lines: [
      // with a blank it would be the text of the page
      ...given
        .pairs('error-document')
        .map(([number, url]) => `ErrorDocument ${number} ${quote(url.replaceAll(' ', '%20'))}`),
      given.has('error-override') ? 'WSGIErrorOverride On' : undefined,
    ],
  }
}
