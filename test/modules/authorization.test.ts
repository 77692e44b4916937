/**
 * `Require` with its containers, `Order/Allow/Deny` with `Satisfy`, and `AuthMerging`, together with a user on the real server. The statuses are what
 * Apache httpd 2.4 answers with the same configuration.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withServer } from '../support/server.js'

const USERS = ['ann', 'bob'].map((user) => `${user}:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n`).join('')
const BASIC = 'AuthType Basic\nAuthName r\nAuthUserFile users\nAuthGroupFile groups\n'

/** Who asks: nobody, ann, bob, and ann with a wrong password. */
const CREDENTIALS = [undefined, 'ann:secret', 'bob:secret', 'ann:x']

/** Directives, and the answers to GET and POST for each of them: 1 is 401, 3 is 403, 4 is 404 (let in; there is no file). */
const ROWS: readonly (readonly [lines: string, get: string, post: string])[] = [
  [
    `<RequireAll>
       Require valid-user
       <RequireNone>
         Require group staff
         Require ip 10
       </RequireNone>
     </RequireAll>`,
    '1141',
    '1141',
  ],
  [
    `<RequireAny>
       Require user bob
       <RequireAll>
         Require group staff
         Require method POST
       </RequireAll>
     </RequireAny>`,
    '1141',
    '1441',
  ],
  ['<RequireAll>\nRequire all granted\nRequire not user bob\n</RequireAll>', '4444', '4444'],
  ['<RequireAll>\nRequire not env V\nRequire valid-user\n</RequireAll>', '1441', '1441'],
  ['<RequireAll>\nRequire not env SET\nRequire valid-user\n</RequireAll>', '3333', '3333'],
  ['Require user ann\n<Limit POST>\nRequire user bob\n</Limit>', '1411', '1441'],
  ['<LimitExcept GET>\nRequire valid-user\n</LimitExcept>', '4444', '1441'],
  ['<Limit GET>\nRequire valid-user\n</Limit>\n<Limit POST>\nRequire all denied\n</Limit>', '1441', '3333'],
  ['Satisfy Any\nOrder deny,allow\nDeny from all\n<Limit POST>\nRequire user ann\n</Limit>', '4444', '1411'],
  ['Order deny,allow\nDeny from all\nAllow from 127\nRequire user ann', '1411', '1411'],
  ['Order allow,deny\nAllow from 10\nRequire user ann', '3333', '3333'],
  ['Satisfy Any\nOrder allow,deny\nAllow from 10\nRequire all denied', '3333', '3333'],
  ['Satisfy Any\nRequire user ann', '4444', '4444'],
  ['Satisfy Any\nOrder allow,deny\nAllow from env=V\nRequire user ann', '1411', '1411'],
  ['Satisfy Any\nOrder allow,deny\nAllow from env=SET\nRequire user ann', '4444', '4444'],
  ["Require expr %{REMOTE_USER} == 'ann'", '1411', '1411'],
  ["Require expr %{REQUEST_METHOD} == 'POST'", '3333', '4444'],
  ["Require expr %{REQUEST_METHOD} == 'POST'\nRequire user ann", '1411', '4444'],
  ['<RequireAll>\nRequire method POST\nRequire valid-user\n</RequireAll>', '3333', '1441'],
  ['Require file-owner', '1111', '1111'],
  ['Require group nothing', '1111', '1111'],
  ['Require valid-user\nRequire all denied', '1441', '1441'],
  ['Require all granted\nRequire valid-user', '4444', '4444'],
  ['<RequireAll>\nRequire valid-user\nRequire not group staff\n</RequireAll>', '1141', '1141'],
]

/** The same for places inside one with `Require user ann bob`. httpd answers the `Or` with 4444 4444, see docs/authentication.md. */
const INNER: typeof ROWS = [
  ['AuthMerging And\nRequire method POST', '3333', '1441'],
  ['AuthMerging Or\nRequire method POST', '1441', '4444'],
  ['AuthMerging And\nRequire user bob', '1141', '1141'],
  ['Require user bob', '1141', '1141'],
  ['AuthType None\nRequire all granted', '4444', '4444'],
]

const place = (path: string, lines: string): string => `<Location ${path}>\n${lines}\n</Location>\n`

test('who may, with and without a user', async () => {
  const conf = [
    'SetEnvIf Request_URI . SET',
    ...ROWS.map(([lines], at) => place(`/r${at}`, BASIC + lines)),
    place('/m', `${BASIC}Require user ann bob`),
    ...INNER.map(([lines], at) => place(`/m/${at}`, lines)),
  ].join('\n')
  await withServer({ conf, files: { users: USERS, groups: 'staff: ann\n' } }, async (server) => {
    const answers = async (path: string, method: string): Promise<string> => {
      const statuses = CREDENTIALS.map(async (credentials) => {
        const Authorization = `Basic ${Buffer.from(credentials ?? '').toString('base64')}`
        const headers = credentials === undefined ? {} : { Authorization }
        return (await server.get(path, { method, headers })).status
      })
      return (await Promise.all(statuses)).map((status) => String(status - 400)).join('')
    }
    const all = [
      ...ROWS.map((row, at) => [`/r${at}`, ...row] as const),
      ...INNER.map((row, at) => [`/m/${at}`, ...row] as const),
    ]
    for (const [path, lines, get, post] of all) {
      assert.equal(await answers(path, 'GET'), get, `GET ${path}\n${lines}`)
      assert.equal(await answers(path, 'POST'), post, `POST ${path}\n${lines}`)
    }
  })
})
