/**
 * The configuration that the packages httpd, mod_ssl and python3-mod_wsgi of RHEL 9 and its relatives bring, written anew: the same files,
 * directives and order, with every absolute path moved below a directory of the test's. Nothing of it is suited to this server.
 */

/** Modules of `00-base.conf`, in its order. */
const BASE = `access_compat actions alias allowmethods auth_basic auth_digest authn_anon authn_core authn_dbd authn_dbm authn_file authn_socache
  authz_core authz_dbd authz_dbm authz_groupfile authz_host authz_owner authz_user autoindex cache cache_disk cache_socache data dbd deflate
  dir dumpio echo env expires ext_filter filter headers include info log_config logio macro mime_magic mime negotiation remoteip reqtimeout
  request rewrite setenvif slotmem_plain slotmem_shm socache_dbm socache_memcache socache_redis socache_shmcb status substitute suexec
  unique_id unixd userdir version vhost_alias watchdog`

const PROXY = `proxy lbmethod_bybusyness lbmethod_byrequests lbmethod_bytraffic lbmethod_heartbeat proxy_ajp proxy_balancer proxy_connect
  proxy_express proxy_fcgi proxy_fdpass proxy_ftp proxy_http proxy_hcheck proxy_scgi proxy_uwsgi proxy_wstunnel`

const load = (names: string) =>
  names
    .split(/\s+/)
    .map((name) => `LoadModule ${name}_module modules/mod_${name}.so\n`)
    .join('')

const MAIN = `ServerRoot "@/etc/httpd"
Listen \${ADDRESS}:\${PORT}
Include conf.modules.d/*.conf
User \${ACCOUNT}
Group \${ACCOUNT_GROUP}
ServerAdmin root@localhost

<Directory />
    AllowOverride none
    Require all denied
</Directory>

DocumentRoot "@/var/www/html"
<Directory "@/var/www">
    AllowOverride None
    Require all granted
</Directory>
<Directory "@/var/www/html">
    Options Indexes FollowSymLinks
    AllowOverride None
    Require all granted
</Directory>

<IfModule dir_module>
    DirectoryIndex index.html
</IfModule>

<Files ".ht*">
    Require all denied
</Files>

ErrorLog "logs/error_log"
LogLevel warn

<IfModule log_config_module>
    LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
    LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
    <IfModule logio_module>
      LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\" %I %O" combinedio
    </IfModule>
    CustomLog "logs/access_log" combined
</IfModule>

<IfModule alias_module>
    ScriptAlias /cgi-bin/ "@/var/www/cgi-bin/"
</IfModule>
<Directory "@/var/www/cgi-bin">
    AllowOverride None
    Options None
    Require all granted
</Directory>

<IfModule mime_module>
    TypesConfig @/etc/mime.types
    AddType application/x-compress .Z
    AddType application/x-gzip .gz .tgz
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
</IfModule>

AddDefaultCharset UTF-8

<IfModule mime_magic_module>
    MIMEMagicFile conf/magic
</IfModule>

EnableSendfile on
IncludeOptional conf.d/*.conf
`

const AUTOINDEX = `IndexOptions FancyIndexing HTMLTable VersionSort
Alias /icons/ "@/usr/share/httpd/icons/"
<Directory "@/usr/share/httpd/icons">
    Options Indexes MultiViews FollowSymlinks
    AllowOverride None
    Require all granted
</Directory>

AddIconByEncoding (CMP,/icons/compressed.gif) x-compress x-gzip
AddIconByType (TXT,/icons/text.gif) text/*
AddIconByType (IMG,/icons/image2.gif) image/*
AddIcon /icons/binary.gif .bin .exe
AddIcon /icons/back.gif ..
AddIcon /icons/folder.gif ^^DIRECTORY^^
AddIcon /icons/blank.gif ^^BLANKICON^^
DefaultIcon /icons/unknown.gif

ReadmeName README.html
HeaderName HEADER.html
IndexIgnore .??* *~ *# HEADER* README* RCS CVS *,v *,t
`

const USERDIR = `<IfModule mod_userdir.c>
    UserDir disabled
</IfModule>

<Directory "@/home/*/public_html">
    AllowOverride FileInfo AuthConfig Limit Indexes
    Options MultiViews Indexes SymLinksIfOwnerMatch IncludesNoExec
    Require method GET POST OPTIONS
</Directory>
`

const WELCOME = `<LocationMatch "^/+$">
    Options -Indexes
    ErrorDocument 403 /.noindex.html
</LocationMatch>

<Directory @/usr/share/httpd/noindex>
    AllowOverride None
    Require all granted
</Directory>

Alias /.noindex.html @/usr/share/httpd/noindex/index.html
Alias /poweredby.png @/usr/share/httpd/icons/apache_pb3.png
Alias /system_noindex_logo.png @/usr/share/httpd/icons/system_noindex_logo.png
`

const SSL = `Listen \${ADDRESS}:\${TLS_PORT} https
SSLPassPhraseDialog exec:@/usr/libexec/httpd-ssl-pass-dialog
SSLSessionCache         shmcb:/run/httpd/sslcache(512000)
SSLSessionCacheTimeout  300
SSLRandomSeed startup file:/dev/urandom  256
SSLRandomSeed connect builtin
SSLCryptoDevice builtin

<VirtualHost _default_:\${TLS_PORT}>
ErrorLog logs/ssl_error_log
TransferLog logs/ssl_access_log
LogLevel warn
SSLEngine on
SSLHonorCipherOrder on
SSLCipherSuite PROFILE=SYSTEM
SSLProxyCipherSuite PROFILE=SYSTEM
SSLCertificateFile @/etc/pki/tls/certs/localhost.crt
SSLCertificateKeyFile @/etc/pki/tls/private/localhost.key

<FilesMatch "\\.(cgi|shtml|phtml|php)$">
    SSLOptions +StdEnvVars
</FilesMatch>
<Directory "@/var/www/cgi-bin">
    SSLOptions +StdEnvVars
</Directory>

BrowserMatch "MSIE [2-5]" \\
         nokeepalive ssl-unclean-shutdown \\
         downgrade-1.0 force-response-1.0

CustomLog logs/ssl_request_log \\
          "%t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x \\"%r\\" %b"
</VirtualHost>
`

const FILES: Readonly<Record<string, string>> = {
  'etc/httpd/conf/httpd.conf': MAIN,
  'etc/httpd/conf/magic': '0\tstring\t\\037\\213\tapplication/octet-stream\tx-gzip\n',
  'etc/httpd/conf.modules.d/00-base.conf': load(BASE),
  'etc/httpd/conf.modules.d/00-brotli.conf': load('brotli'),
  'etc/httpd/conf.modules.d/00-dav.conf': load('dav dav_fs dav_lock'),
  'etc/httpd/conf.modules.d/00-lua.conf': load('lua'),
  'etc/httpd/conf.modules.d/00-mpm.conf':
    '#LoadModule mpm_prefork_module modules/mod_mpm_prefork.so\nLoadModule mpm_event_module modules/mod_mpm_event.so\n',
  'etc/httpd/conf.modules.d/00-optional.conf': '#LoadModule asis_module modules/mod_asis.so\n',
  'etc/httpd/conf.modules.d/00-proxy.conf': load(PROXY),
  'etc/httpd/conf.modules.d/00-ssl.conf': load('ssl'),
  'etc/httpd/conf.modules.d/00-systemd.conf': load('systemd'),
  'etc/httpd/conf.modules.d/01-cgi.conf': ['worker', 'event', 'prefork']
    .map((mpm) => `<IfModule mpm_${mpm}_module>\n   ${load(mpm === 'prefork' ? 'cgi' : 'cgid')}</IfModule>\n`)
    .join(''),
  'etc/httpd/conf.modules.d/10-h2.conf': load('http2'),
  'etc/httpd/conf.modules.d/10-proxy_h2.conf': load('proxy_http2'),
  'etc/httpd/conf.modules.d/10-wsgi-python3.conf':
    '<IfModule !wsgi_module>\n    LoadModule wsgi_module modules/mod_wsgi_python3.so\n</IfModule>\n',
  'etc/httpd/conf.d/README': 'Files here whose names end in .conf are read.\n',
  'etc/httpd/conf.d/autoindex.conf': AUTOINDEX,
  'etc/httpd/conf.d/userdir.conf': USERDIR,
  'etc/httpd/conf.d/welcome.conf': WELCOME,
  'etc/httpd/conf.d/ssl.conf': SSL,
  'etc/mime.types': 'text/html\thtml htm\ntext/plain\ttxt\ntext/css\tcss\nimage/png\tpng\n',
  'usr/share/httpd/noindex/index.html':
    '<!DOCTYPE html><title>Test page</title><h1>Test page of the distribution</h1>\n',
  'usr/libexec/httpd-ssl-pass-dialog': '#!/bin/sh\nexit 1\n',
  'var/www/html/': '',
  'var/www/cgi-bin/': '',
  'var/log/httpd/': '',
  'run/httpd/': '',
}

/** What differs from machine to machine. */
export interface RhelFacts {
  /** Directory that stands for `/`. */
  readonly root: string
  readonly account: string
  readonly group: string
  readonly address: string
  readonly port: number | string
  readonly tlsPort: number | string
}

/** The files, by their path below the root; one that ends in `/` is a directory. */
export function rhelTree(facts: RhelFacts): Record<string, string> {
  const values: Readonly<Record<string, string>> = {
    ADDRESS: facts.address,
    PORT: String(facts.port),
    TLS_PORT: String(facts.tlsPort),
    ACCOUNT: facts.account,
    ACCOUNT_GROUP: facts.group,
  }
  const filled = (text: string) =>
    text
      .replace(/(?<=[\s":])@(?=\/)/g, facts.root)
      .replace(/\$\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
  return Object.fromEntries(Object.entries(FILES).map(([name, text]) => [name, filled(text)]))
}

/** Links that are part of the tree: what they are called, and where they lead. */
export const RHEL_LINKS: Readonly<Record<string, string>> = {
  'etc/httpd/logs': '../../var/log/httpd',
  'etc/httpd/run': '../../run/httpd',
  'etc/httpd/modules': '../../usr/lib64/httpd/modules',
}
