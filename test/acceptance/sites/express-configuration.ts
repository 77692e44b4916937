/**
 * A configuration of the shape that `mod_wsgi-express setup-server` generates, written anew: conditions on what its control script defines with
 * `-D`, variables of its environment, module files of another server, one daemon process group, and a handler script behind rewrite rules of the
 * document root. The handler script stands for the one of the package mod_wsgi, and does what that does with a script file.
 */

/** The names that the control script defines for a site with every feature that the test uses. */
export const EXPRESS_DEFINES = [
  ...[
    'IMPORT_HANDLER_SCRIPT',
    'KEEP_ALIVE',
    'ACCESS_LOG',
    'COMPRESS_RESPONSES',
    'SERVER_METRICS',
    'SERVER_STATUS',
  ],
  ...[
    'AUTH_USER',
    'AUTH_GROUP',
    'VIRTUAL_HOST',
    'ALLOW_LOCALHOST',
    'WITH_HTTPS',
    'WITH_HTTP2',
    'SSL_ENVIRONMENT',
  ],
  ...[
    'MPM_ENABLE_EVENT_MODULE',
    'MPM_EXISTS_EVENT_MODULE',
    'MPM_EXISTS_WORKER_MODULE',
    'MPM_EXISTS_PREFORK_MODULE',
  ],
].map((name) => `MOD_WSGI_${name}`)

const always = `access_compat authn_core authz_core authz_host mime rewrite alias dir env headers filter reqtimeout`
const sometimes: readonly (readonly [define: string, modules: string])[] = [
  ['MOD_WSGI_DIRECTORY_LISTING', 'autoindex'],
  ['MOD_WSGI_COMPRESS_RESPONSES', 'deflate'],
  ['MOD_WSGI_AUTH_USER', 'auth_basic auth_digest authz_user'],
  ['MOD_WSGI_WITH_PROXY', 'proxy proxy_http'],
  ['MOD_WSGI_SERVER_METRICS', 'status'],
  ['MOD_WSGI_ACCESS_LOG', 'log_config'],
  ['MOD_WSGI_WITH_HTTPS', 'ssl'],
]

const load = (name: string) => `<IfModule !${name}_module>
LoadModule ${name}_module '\${MOD_WSGI_MODULES_DIRECTORY}/mod_${name}.so'
</IfModule>
`
const loadAll = (names: string) => names.split(' ').map(load).join('')

const tls = `SSLEngine On
SSLCertificateFile \${ROOT}/site.crt
SSLCertificateKeyFile \${ROOT}/site.key
<IfDefine MOD_WSGI_VERIFY_CLIENT>
SSLCACertificateFile None
SSLVerifyClient none
</IfDefine>
<IfDefine MOD_WSGI_SSL_ENVIRONMENT>
SSLOptions +StdEnvVars
</IfDefine>
`

/** Two hosts of a port: one for names that nobody has, one for the site's. */
const hosts = (port: string, lines: string) => `<VirtualHost _default_:${port}>
ServerName _wsgi_
<Location />
<IfDefine MOD_WSGI_ALLOW_LOCALHOST>
Require host localhost
</IfDefine>
<IfDefine !MOD_WSGI_ALLOW_LOCALHOST>
Require all denied
</IfDefine>
</Location>
${lines}</VirtualHost>
<VirtualHost *:${port}>
ServerName site.example
${lines}</VirtualHost>
`

/** `${ROOT}` is the server root, `${PORT}` and `${PORT2}` are the ports. */
export const EXPRESS_CONFIGURATION = `
ServerName localhost
ServerRoot '\${ROOT}'
PidFile '\${ROOT}/httpd.pid'
DefaultRuntimeDir '\${ROOT}/run'
ServerTokens ProductOnly
ServerSignature Off

<IfDefine !MOD_WSGI_MPM_ENABLE_WINNT_MODULE>
User \${MOD_WSGI_USER}
Group \${MOD_WSGI_GROUP}
</IfDefine>

<IfDefine MOD_WSGI_WITH_LISTENER_HOST>
Listen 127.0.0.1:1
</IfDefine>
<IfDefine !MOD_WSGI_WITH_LISTENER_HOST>
Listen 127.0.0.1:\${PORT}
</IfDefine>

<IfModule !mpm_event_module>
<IfModule !mpm_worker_module>
<IfModule !mpm_prefork_module>
<IfDefine MOD_WSGI_MPM_ENABLE_EVENT_MODULE>
LoadModule mpm_event_module '\${MOD_WSGI_MODULES_DIRECTORY}/mod_mpm_event.so'
</IfDefine>
</IfModule>
</IfModule>
</IfModule>
<IfDefine MOD_WSGI_WITH_HTTP2>
LoadModule http2_module '\${MOD_WSGI_MODULES_DIRECTORY}/mod_http2.so'
</IfDefine>
${loadAll(always)}${sometimes.map(([name, modules]) => `<IfDefine ${name}>\n${loadAll(modules)}</IfDefine>\n`).join('')}
<IfDefine MOD_WSGI_LOAD_PYTHON_DYLIB>
LoadFile ''
</IfDefine>
LoadModule wsgi_module '/opt/python/lib/mod_wsgi/server/mod_wsgi-py3.so'

HostnameLookups Off
MaxMemFree 64
Timeout 60
ListenBacklog 500
<IfDefine MOD_WSGI_WITH_HTTP2>
Protocols h2 h2c http/1.1
</IfDefine>
RequestReadTimeout header=15-30,MinRate=500 body=15,MinRate=500
LimitRequestBody 10485760

<Directory />
    AllowOverride None
    Require all denied
</Directory>

WSGIPythonHome '\${PYTHON}'
WSGIVerboseDebugging 'Off'
WSGISocketPrefix \${ROOT}/wsgi
WSGISocketRotation Off
<IfDefine ORPHAN_INTERPRETER>
WSGIDestroyInterpreter Off
</IfDefine>
<IfDefine !ORPHAN_INTERPRETER>
WSGIDestroyInterpreter On
</IfDefine>

<IfDefine !ONE_PROCESS>
<IfDefine !EMBEDDED_MODE>
WSGIRestrictEmbedded On
WSGIDaemonProcess 'localhost:8000' \\
   display-name='(wsgi:localhost:8000:0)' \\
   home='\${ROOT}' \\
   threads=5 \\
   maximum-requests=0 \\
   python-path='' \\
   python-eggs='\${ROOT}/eggs' \\
   lang='C.UTF-8' \\
   locale='C.UTF-8' \\
   listen-backlog=100 \\
   queue-timeout=45 \\
   socket-timeout=60 \\
   connect-timeout=15 \\
   request-timeout=60 \\
   interrupt-timeout=0 \\
   inactivity-timeout=0 \\
   startup-timeout=15 \\
   deadlock-timeout=60 \\
   graceful-timeout=15 \\
   eviction-timeout=0 \\
   restart-interval=0 \\
   cpu-time-limit=0 \\
   shutdown-timeout=5 \\
   send-buffer-size=0 \\
   receive-buffer-size=0 \\
   response-buffer-size=0 \\
   response-socket-timeout=0 \\
   response-flush-delay=5 \\
   server-metrics=On
</IfDefine>
</IfDefine>

WSGICallableObject 'application'
WSGIPassAuthorization On
WSGIMapHEADToGET Auto
<IfDefine MOD_WSGI_SERVER_METRICS>
ExtendedStatus On
</IfDefine>
<IfDefine MOD_WSGI_SERVER_STATUS>
<Location /server-status>
    SetHandler server-status
    Require all denied
    Require host localhost
</Location>
</IfDefine>
<IfDefine MOD_WSGI_KEEP_ALIVE>
KeepAlive On
KeepAliveTimeout 2
</IfDefine>
<IfDefine !MOD_WSGI_KEEP_ALIVE>
KeepAlive Off
</IfDefine>
<IfDefine MOD_WSGI_COMPRESS_RESPONSES>
AddOutputFilterByType DEFLATE text/plain
AddOutputFilterByType DEFLATE text/html
AddOutputFilterByType DEFLATE text/css
AddOutputFilterByType DEFLATE application/json
</IfDefine>

<IfDefine MOD_WSGI_ROTATE_LOGS>
ErrorLog "|/nowhere/rotatelogs \\
    \${ROOT}/error.log.%Y-%m-%d-%H_%M_%S 5M"
</IfDefine>
<IfDefine !MOD_WSGI_ROTATE_LOGS>
ErrorLog "\${ROOT}/error.log"
</IfDefine>
LogLevel warn
<IfDefine MOD_WSGI_ERROR_LOG_FORMAT>
ErrorLogFormat "None"
</IfDefine>
<IfDefine MOD_WSGI_ACCESS_LOG>
LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
LogFormat "undefined" custom
CustomLog "\${ROOT}/access.log" common
</IfDefine>
<IfDefine MOD_WSGI_WITH_TRUSTED_PROXIES>
WSGITrustedProxies
</IfDefine>

<IfModule mpm_prefork_module>
ServerLimit 20
StartServers 1
MaxClients 20
</IfModule>
<IfModule mpm_event_module>
<IfDefine !ONE_PROCESS>
ServerLimit 2
ThreadLimit 10
StartServers 1
MaxClients 20
MinSpareThreads 10
MaxSpareThreads 10
ThreadsPerChild 10
</IfDefine>
MaxRequestsPerChild 0
MaxKeepAliveRequests 0
ThreadStackSize 262144
</IfModule>

<IfDefine MOD_WSGI_VIRTUAL_HOST>
${hosts('${PORT}', '')}<IfDefine MOD_WSGI_WITH_HTTPS>
Listen 127.0.0.1:\${PORT2}
${hosts('${PORT2}', tls)}</IfDefine>
</IfDefine>

DocumentRoot '\${ROOT}/documents'
AccessFileName .htaccess
<Directory '\${ROOT}'>
    AllowOverride None
<Files handler.wsgi>
    Require all granted
</Files>
</Directory>

<Directory '\${ROOT}/documents'>
    AllowOverride None
<IfDefine MOD_WSGI_DIRECTORY_INDEX>
    DirectoryIndex None
</IfDefine>
    RewriteEngine On
    RewriteOptions InheritDownBefore
    Include \${ROOT}/rewrite.conf
    Require all granted
</Directory>
<Directory '\${ROOT}/documents/'>
<IfDefine !MOD_WSGI_STATIC_ONLY>
    RewriteCond %{REQUEST_FILENAME} !-f
<IfDefine MOD_WSGI_DIRECTORY_INDEX>
    RewriteCond %{REQUEST_FILENAME} !-d
</IfDefine>
<IfDefine MOD_WSGI_SERVER_STATUS>
    RewriteCond %{REQUEST_URI} !/server-status
</IfDefine>
    RewriteRule .* - [H=wsgi-handler]
</IfDefine>
</Directory>

<IfDefine MOD_WSGI_AUTH_USER>
<Location />
    AuthType Basic
    AuthName 'localhost:8000'
    AuthBasicProvider wsgi
    WSGIAuthUserScript '\${ROOT}/auth.py'
<IfDefine MOD_WSGI_AUTH_GROUP>
    WSGIAuthGroupScript '\${ROOT}/auth.py'
</IfDefine>
    <RequireAll>
    Require valid-user
<IfDefine MOD_WSGI_AUTH_GROUP>
    Require wsgi-group 'staff'
</IfDefine>
    </RequireAll>
</Location>
</IfDefine>

<IfDefine !ONE_PROCESS>
<IfDefine !EMBEDDED_MODE>
WSGIHandlerScript wsgi-handler '\${ROOT}/handler.wsgi' \\
    process-group='localhost:8000' application-group=%{GLOBAL}
<IfDefine MOD_WSGI_IMPORT_HANDLER_SCRIPT>
WSGIImportScript '\${ROOT}/handler.wsgi' \\
    process-group='localhost:8000' application-group=%{GLOBAL}
</IfDefine>
</IfDefine>
</IfDefine>
<IfDefine EMBEDDED_MODE>
WSGIHandlerScript wsgi-handler '\${ROOT}/handler.wsgi' \\
    process-group='%{GLOBAL}' application-group=%{GLOBAL}
</IfDefine>

Alias '/static' '\${ROOT}/static'
<Directory '\${ROOT}/static'>
    AllowOverride None
    Require all granted
</Directory>
`

/** Loads `app.wsgi` beside it, and says when that has changed. SCRIPT_NAME is put right, since the URL was matched by a file name. */
export const EXPRESS_HANDLER = `
import os, types

entry_point = os.path.join(os.path.dirname(__file__), 'app.wsgi')
modified = os.path.getmtime(entry_point)
module = types.ModuleType('__wsgi__')
module.__file__ = entry_point
with open(entry_point) as file:
    exec(compile(file.read(), entry_point, 'exec'), module.__dict__)

def handle_request(environ, start_response):
    environ['PATH_INFO'] = environ['SCRIPT_NAME'] + environ['PATH_INFO']
    environ['SCRIPT_NAME'] = ''
    return module.application(environ, start_response)

def reload_required(resource):
    return os.path.getmtime(entry_point) != modified
`
