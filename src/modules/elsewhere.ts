/**
 * Directives of httpd's modules that are not carried here, so that a configuration that uses them is told what is missing instead of
 * "perhaps misspelled", and nobody runs unprotected because an access rule was left out.
 * Names as `httpd -L` of 2.4 lists them. A directive that a carried module declares is never looked up here.
 */
import { directive, take1 } from '../config/directive.js'
import { unsupportedPolicy } from '../config/unsupported.js'
import type { Elsewhere } from '../config/vocabulary.js'
import type { HttpdModule } from './module.js'

interface ModuleElsewhere {
  readonly module: string
  /** What to use instead, or what follows from doing without. */
  readonly advice: string
  /** Leaving its directives out would open or expose something: refused even where `WSGIHttpdUnsupported Warn` is set. */
  readonly security?: boolean
  /** Single directives with another answer to that than the module as a whole. */
  readonly securityOf?: Readonly<Record<string, boolean>>
  /** `OIDC*` stands for all names that begin so; for modules that are not httpd's own. */
  readonly directives: string
}

const LDAP = 'Let a WSGIAuthUserScript ask the directory server.'
const DATABASE = 'Let a WSGIAuthUserScript ask the database.'
const NO_CGI = 'CGI programs are not run; a WSGI application can take their place.'
const PROXY = 'Only HTTP is spoken to backends.'
const SINGLE_SIGN_ON = 'Let the application authenticate, or a proxy in front that says who the user is.'
const IN_THE_APPLICATION = 'Applications keep their own sessions.'

const MODULES: readonly ModuleElsewhere[] = [
  { module: 'mod_watchdog', advice: 'Nothing is needed in its place.', directives: 'WatchdogInterval' },
  { module: 'event', advice: 'Nothing is needed in its place.', directives: 'ListenTCPDeferAccept' },
  {
    module: 'mod_actions',
    advice: 'Use SetHandler or WSGIScriptAlias.',
    directives: 'Action Script',
  },
  {
    module: 'mod_allowmethods',
    advice: 'Use <LimitExcept> with Require all denied.',
    security: true,
    directives: 'AllowMethods',
  },
  {
    module: 'mod_auth_form',
    advice: 'Let the application show its log-in form, or use AuthType Basic.',
    security: true,
    directives: `
      AuthFormProvider AuthFormUsername AuthFormPassword AuthFormLocation AuthFormMethod
      AuthFormMimetype AuthFormBody AuthFormSize AuthFormLoginRequiredLocation
      AuthFormLoginSuccessLocation AuthFormLogoutLocation AuthFormSitePassphrase AuthFormAuthoritative
      AuthFormFakeBasicAuth AuthFormDisableNoStore
    `,
  },
  {
    module: 'mod_authn_dbm',
    advice: 'Use AuthUserFile or a WSGIAuthUserScript.',
    security: true,
    directives: 'AuthDBMUserFile AuthDBMType',
  },
  {
    module: 'mod_authnz_fcgi',
    advice: 'Use a WSGIAuthUserScript.',
    security: true,
    directives: 'AuthnzFcgiDefineProvider AuthnzFcgiCheckAuthnProvider',
  },
  {
    module: 'mod_authz_dbm',
    advice: 'Use AuthGroupFile or a WSGIAuthGroupScript.',
    security: true,
    directives: 'AuthDBMGroupFile AuthzDBMType',
  },
  {
    module: 'mod_buffer',
    advice: '',
    directives: 'BufferSize',
  },
  {
    module: 'mod_cache',
    advice: 'Put a caching proxy in front, or let the application cache.',
    directives: `
      CacheEnable CacheDisable CacheMaxExpire CacheMinExpire CacheDefaultExpire CacheQuickHandler
      CacheIgnoreNoLastMod CacheIgnoreCacheControl CacheStoreExpired CacheStorePrivate
      CacheStoreNoStore CacheIgnoreHeaders CacheIgnoreQueryString CacheIgnoreURLSessionIdentifiers
      CacheLastModifiedFactor CacheLock CacheLockPath CacheLockMaxAge CacheHeader CacheDetailHeader
      CacheKeyBaseURL CacheStaleOnError
    `,
  },
  {
    module: 'mod_cern_meta',
    advice: 'Use Header.',
    directives: 'MetaFiles MetaDir MetaSuffix',
  },
  {
    module: 'mod_charset_lite',
    advice: 'Use AddDefaultCharset or AddCharset to name the encoding that files have.',
    directives: 'CharsetSourceEnc CharsetDefault CharsetOptions',
  },
  {
    module: 'mod_dav',
    advice: 'WebDAV is not served; WsgiDAV is a WSGI application that does.',
    security: true,
    directives: 'DAV DAVBasePath DAVMinTimeout DAVDepthInfinity DAVLockDiscovery',
  },
  {
    module: 'mod_dbd',
    advice: DATABASE,
    directives: 'DBDriver DBDParams DBDPersist DBDPrepareSQL DBDInitSQL DBDMin DBDKeep DBDMax DBDExptime',
  },
  {
    module: 'mod_deflate',
    advice: '',
    directives: 'DeflateInflateLimitRequestBody DeflateInflateRatioLimit DeflateInflateRatioBurst',
  },
  {
    module: 'mod_dialup',
    advice: '',
    directives: 'ModemStandard',
  },
  {
    module: 'mod_dumpio',
    advice: 'LogLevel trace shows what is received and sent.',
    directives: 'DumpIOInput DumpIOOutput',
  },
  {
    module: 'mod_echo',
    advice: '',
    directives: 'ProtocolEcho',
  },
  {
    module: 'mod_ext_filter',
    advice: 'Use WSGI middleware.',
    directives: 'ExtFilterOptions ExtFilterDefine',
  },
  {
    module: 'mod_file_cache',
    advice: '',
    directives: 'cachefile mmapfile',
  },
  {
    module: 'mod_filter',
    advice: '',
    directives: 'FilterDeclare FilterProvider FilterChain FilterTrace FilterProtocol',
  },
  {
    module: 'mod_heartbeat',
    advice: '',
    directives: 'HeartbeatAddress',
  },
  {
    module: 'mod_imagemap',
    advice: '',
    directives: 'ImapMenu ImapDefault ImapBase',
  },
  {
    module: 'mod_include',
    advice: 'Server-side includes are not carried out.',
    directives: `
      XBitHack SSIErrorMsg SSITimeFormat SSIStartTag SSIEndTag SSIUndefinedEcho SSILegacyExprParser
      SSILastModified SSIEtag
    `,
  },
  {
    module: 'mod_info',
    advice: '',
    directives: 'AddModuleInfo',
  },
  {
    module: 'mod_lbmethod_heartbeat',
    advice: '',
    directives: 'HeartbeatStorage',
  },
  {
    module: 'mod_log_debug',
    advice: '',
    directives: 'LogMessage',
  },
  {
    module: 'mod_log_forensic',
    advice: '',
    directives: 'ForensicLog',
  },
  {
    module: 'mod_lua',
    advice: 'Use WSGI middleware; access can be checked by a WSGIAccessScript.',
    security: true,
    directives: `
      LuaRoot LuaPackagePath LuaPackageCPath LuaAuthzProvider LuaHookPreTranslateName
      <LuaHookPreTranslateName LuaHookTranslateName <LuaHookTranslateName LuaHookFixups <LuaHookFixups
      LuaHookMapToStorage <LuaHookMapToStorage LuaHookCheckUserID <LuaHookCheckUserID
      LuaHookTypeChecker <LuaHookTypeChecker LuaHookAccessChecker <LuaHookAccessChecker
      LuaHookAuthChecker <LuaHookAuthChecker LuaHookInsertFilter LuaHookLog LuaScope LuaInherit
      LuaCodeCache LuaQuickHandler <LuaQuickHandler Lua_____ByteCodeHack LuaMapHandler LuaOutputFilter
      LuaInputFilter
    `,
  },
  {
    module: 'mod_md',
    advice:
      'Get certificates with another ACME client (certbot, lego) and name them with SSLCertificateFile.',
    directives: `
      MDCertificateAuthority MDCertificateAgreement MDCAChallenges MDCertificateProtocol
      MDContactEmail MDDriveMode MDRenewMode MDomain <MDomainSet <MDomain MDMember MDMembers
      MDMustStaple MDPortMap MDPrivateKeys MDHttpProxy MDStoreDir MDRenewWindow MDRequireHttps
      MDNotifyCmd MDBaseServer MDChallengeDns01 MDChallengeDns01Version MDCertificateFile
      MDCertificateKeyFile MDServerStatus MDCertificateStatus MDWarnWindow MDMessageCmd MDStapling
      MDStapleOthers MDStaplingKeepResponse MDStaplingRenewWindow MDCertificateCheck MDActivationDelay
      MDCACertificateFile MDHttpProxyCACertificateFile MDExternalAccountBinding MDRetryDelay
      MDRetryFailover MDStoreLocks MDMatchNames MDInitialDelay MDCheckInterval MDProfile
      MDProfileMandatory MDRenewViaARI
    `,
  },
  {
    module: 'mod_mime_magic',
    advice: 'Types come from file extensions: TypesConfig, AddType.',
    directives: 'MimeMagicFile',
  },
  {
    module: 'mod_proxy',
    advice: 'Only ProxyPass and what belongs to it is done here.',
    securityOf: { ProxyBlock: true },
    directives: `
      ProxyRemote ProxyRemoteMatch ProxyPassInterpolateEnv ProxyBlock NoProxy ProxyDomain
      ProxySourceAddress
    `,
  },
  {
    module: 'mod_proxy',
    advice: 'Write the parameters on the ProxyPass line of that backend.',
    directives: 'ProxySet',
  },
  {
    module: 'mod_proxy',
    advice:
      'There is no load balancing: name one backend in ProxyPass, or let a load balancer of its own stand before several.',
    directives: 'BalancerMember BalancerGrowth BalancerPersist BalancerInherit',
  },
  {
    module: 'mod_proxy_connect',
    advice: 'There is no forward proxy.',
    security: true,
    directives: 'AllowCONNECT',
  },
  {
    module: 'mod_proxy_express',
    advice: PROXY,
    directives: 'ProxyExpressEnable ProxyExpressDBMFile ProxyExpressDBMType',
  },
  {
    module: 'mod_proxy_fcgi',
    advice: PROXY,
    directives: 'ProxyFCGIBackendType ProxyFCGISetEnvIf',
  },
  {
    module: 'mod_proxy_ftp',
    advice: PROXY,
    directives: 'ProxyFtpListOnWildcard ProxyFtpEscapeWildcards ProxyFtpDirCharset',
  },
  {
    module: 'mod_proxy_hcheck',
    advice: '',
    directives: 'ProxyHCTemplate ProxyHCExpr ProxyHCTPsize',
  },
  {
    module: 'mod_proxy_html',
    advice: 'Let the backend write the addresses it is reached by.',
    directives: `
      ProxyHTMLEvents ProxyHTMLLinks ProxyHTMLURLMap ProxyHTMLDoctype ProxyHTMLFixups ProxyHTMLMeta
      ProxyHTMLInterp ProxyHTMLExtended ProxyHTMLStripComments ProxyHTMLBufSize ProxyHTMLCharsetOut
      ProxyHTMLEnable
    `,
  },
  {
    module: 'mod_proxy_scgi',
    advice: PROXY,
    directives: 'ProxySCGISendfile ProxySCGIInternalRedirect',
  },
  {
    module: 'mod_reflector',
    advice: '',
    directives: 'ReflectorHeader',
  },
  {
    module: 'mod_request',
    advice: '',
    directives: 'KeptBodySize',
  },
  {
    module: 'mod_sed',
    advice: 'Use WSGI middleware.',
    directives: 'OutputSed InputSed',
  },
  {
    module: 'mod_session',
    advice: IN_THE_APPLICATION,
    security: true,
    directives: `
      Session SessionMaxAge SessionHeader SessionEnv SessionInclude SessionExclude
      SessionExpiryUpdateInterval
    `,
  },
  {
    module: 'mod_socache_memcache',
    advice: '',
    directives: 'MemcacheConnTTL',
  },
  {
    module: 'mod_socache_redis',
    advice: '',
    directives: 'RedisConnPoolTTL RedisTimeout',
  },
  {
    module: 'mod_speling',
    advice: '',
    directives: 'CheckSpelling CheckCaseOnly CheckBasenameMatch',
  },
  {
    module: 'mod_ssl',
    advice:
      'OCSP and SRP are not done; backends are shown no certificate of ours, and revocation lists for theirs are not read.',
    security: true,
    directives: `
      SSLSRPVerifierFile SSLSRPUnknownUserSeed SSLLog SSLLogLevel
      SSLProxyCARevocationPath SSLProxyCARevocationFile SSLProxyCARevocationCheck
      SSLProxyMachineCertificateFile SSLProxyMachineCertificatePath SSLProxyMachineCertificateChainFile
      SSLOCSPDefaultResponder SSLOCSPOverrideResponder SSLOCSPResponseTimeSkew
      SSLOCSPResponseMaxAge SSLOCSPResponderTimeout SSLOCSPUseRequestNonce SSLOCSPProxyURL
      SSLOCSPNoVerify SSLOCSPResponderCertificateFile
    `,
  },
  {
    module: 'mod_substitute',
    advice: 'Use WSGI middleware.',
    directives: 'Substitute SubstituteMaxLineLength SubstituteInheritBefore',
  },
  {
    module: 'mod_suexec',
    advice: 'Use WSGIDaemonProcess with user= and group=.',
    security: true,
    directives: 'SuexecUserGroup',
  },
  {
    module: 'mod_userdir',
    advice: 'Use an AliasMatch for each tree of home directories.',
    directives: 'UserDir',
  },
  {
    module: 'mod_usertrack',
    advice: '',
    directives: `
      CookieExpires CookieDomain CookieStyle CookieTracking CookieName CookieSameSite CookieSecure
      CookieHttpOnly
    `,
  },
  {
    module: 'mod_vhost_alias',
    advice: 'Write one <VirtualHost> for each site; <Macro> keeps them short.',
    directives: 'VirtualScriptAlias VirtualDocumentRoot VirtualScriptAliasIP VirtualDocumentRootIP',
  },
  {
    module: 'mod_xml2enc',
    advice: '',
    directives: 'xml2EncDefault xml2EncAlias xml2StartParse',
  },
  {
    module: 'mod_session_cookie',
    advice: IN_THE_APPLICATION,
    security: true,
    directives: 'SessionCookieName SessionCookieName2 SessionCookieRemove',
  },
  {
    module: 'mod_session_crypto',
    advice: IN_THE_APPLICATION,
    security: true,
    directives: 'SessionCryptoPassphrase SessionCryptoPassphraseFile SessionCryptoCipher SessionCryptoDriver',
  },
  {
    module: 'mod_session_dbd',
    advice: IN_THE_APPLICATION,
    security: true,
    directives: `
      SessionDBDSelectLabel SessionDBDInsertLabel SessionDBDUpdateLabel SessionDBDDeleteLabel
      SessionDBDPerUser SessionDBDCookieRemove SessionDBDCookieName SessionDBDCookieName2
    `,
  },
  {
    module: 'mod_cgid and mod_cgi',
    advice: NO_CGI,
    directives: 'ScriptLog ScriptLogLength ScriptLogBuffer ScriptSock CGIDScriptTimeout',
  },
  {
    module: 'mod_ident',
    advice: '',
    directives: 'IdentityCheck IdentityCheckTimeout',
  },
  {
    module: 'mod_cache_disk',
    advice: 'Put a caching proxy in front, or let the application cache.',
    directives: `
      CacheRoot CacheDirLevels CacheDirLength CacheMinFileSize CacheMaxFileSize CacheReadSize
      CacheReadTime
    `,
  },
  {
    module: 'mod_cache_socache',
    advice: 'Put a caching proxy in front, or let the application cache.',
    directives: `
      CacheSocache CacheSocacheMaxTime CacheSocacheMinTime CacheSocacheMaxSize CacheSocacheReadSize
      CacheSocacheReadTime
    `,
  },
  {
    module: 'mod_dav_fs',
    advice: 'WebDAV is not served; WsgiDAV is a WSGI application that does.',
    directives: 'DAVLockDB',
  },
  {
    module: 'mod_dav_lock',
    advice: 'WebDAV is not served; WsgiDAV is a WSGI application that does.',
    directives: 'DAVGenericLockDB',
  },
  {
    module: 'mod_authz_dbd',
    advice: DATABASE,
    security: true,
    directives: 'AuthzDBDLoginToReferer AuthzDBDQuery AuthzDBDRedirectQuery',
  },
  {
    module: 'mod_authn_dbd',
    advice: DATABASE,
    security: true,
    directives: 'AuthDBDUserPWQuery AuthDBDUserRealmQuery',
  },
  {
    module: 'mod_ldap',
    advice: LDAP,
    directives: `
      LDAPSharedCacheSize LDAPSharedCacheFile LDAPCacheEntries LDAPCacheTTL LDAPOpCacheEntries
      LDAPOpCacheTTL LDAPTrustedGlobalCert LDAPTrustedClientCert LDAPTrustedMode LDAPVerifyServerCert
      LDAPConnectionTimeout LDAPReferrals LDAPReferralHopLimit LDAPLibraryDebug LDAPTimeout
      LDAPConnectionPoolTTL LDAPRetries LDAPRetryDelay
    `,
  },
  {
    module: 'mod_authnz_ldap',
    advice: LDAP,
    security: true,
    directives: `
      AuthLDAPURL AuthLDAPBindDN AuthLDAPBindPassword AuthLDAPBindAuthoritative AuthLDAPRemoteUserIsDN
      AuthLDAPRemoteUserAttribute AuthLDAPCompareDNOnServer AuthLDAPSubGroupAttribute
      AuthLDAPSubGroupClass AuthLDAPMaxSubGroupDepth AuthLDAPGroupAttribute AuthLDAPGroupAttributeIsDN
      AuthLDAPDereferenceAliases AuthLDAPCharsetConfig AuthLDAPAuthorizePrefix
      AuthLDAPInitialBindAsUser AuthLDAPInitialBindPattern AuthLDAPSearchAsUser AuthLDAPCompareAsUser
    `,
  },
  {
    module: 'mod_authz_svn',
    advice: 'Serve Subversion with its own server.',
    security: true,
    directives: `
      AuthzSVNAccessFile AuthzSVNReposRelativeAccessFile AuthzSVNAuthoritative
      AuthzSVNNoAuthWhenAnonymousAllowed AuthzSVNAnonymous AuthzForceUsernameCase
    `,
  },
  {
    module: 'mod_dav_svn',
    advice: 'Serve Subversion with its own server.',
    security: true,
    directives: `
      SVNPath SVNParentPath SVNPathAuthz SVNIndexXSLT SVNListParentPath SVNAutoversioning SVNReposName
      SVNMasterURI SVNAdvertiseV2Protocol SVNAllowBulkUpdates
    `,
  },
  {
    module: 'mod_fcgid',
    advice: NO_CGI,
    directives: `
      FcgidWrapper FcgidIPCDir FcgidProcessTableFile FcgidMaxProcesses FcgidMaxProcessesPerClass
      FcgidMaxRequestLen FcgidMaxRequestsPerProcess FcgidIOTimeout FcgidBusyTimeout
      FcgidConnectTimeout FcgidIdleTimeout FcgidInitialEnv FcgidMinProcessesPerClass
      FcgidOutputBufferSize FcgidPassHeader FcgidProcessLifeTime FcgidFixPathinfo FcgidAuthenticator
      FcgidAuthorizer FcgidAccessChecker AddFCGIDHandler
    `,
  },
  {
    module: 'mod_fastcgi',
    advice: NO_CGI,
    directives: 'FastCgiServer FastCgiExternalServer FastCgiIpcDir FastCgiConfig FastCgiWrapper',
  },
  {
    module: 'mod_python',
    advice: 'Port the application to WSGI.',
    directives: `
      PythonHandler PythonPath PythonDebug PythonInterpreter PythonInterpPerDirectory
      PythonInterpPerDirective PythonOption PythonAutoReload PythonOptimize PythonImport
      PythonInitHandler PythonFixupHandler PythonLogHandler PythonTransHandler
      PythonPostReadRequestHandler PythonHeaderParserHandler PythonCleanupHandler PythonTypeHandler
      PythonInputFilter PythonOutputFilter PythonEnablePdb
    `,
  },
  {
    module: 'mod_python',
    advice: 'Use a WSGIAccessScript, WSGIAuthUserScript or WSGIAuthGroupScript.',
    security: true,
    directives: 'PythonAccessHandler PythonAuthenHandler PythonAuthzHandler',
  },
  {
    module: 'mod_perl',
    advice: '',
    directives: `
      PerlModule PerlRequire PerlSwitches PerlHandler PerlResponseHandler PerlSetVar PerlAddVar
      PerlSetEnv PerlPassEnv PerlOptions PerlSendHeader PerlFixupHandler PerlTransHandler
      PerlLogHandler <Perl
    `,
  },
  {
    module: 'mod_perl',
    advice: 'Use a WSGIAccessScript, WSGIAuthUserScript or WSGIAuthGroupScript.',
    security: true,
    directives: 'PerlAccessHandler PerlAuthenHandler PerlAuthzHandler',
  },
  {
    module: 'mod_php',
    advice: 'PHP is not run here; proxy to a server that runs it.',
    directives: 'php_value php_flag php_admin_value php_admin_flag PHPIniDir',
  },
  {
    module: 'mod_auth_kerb',
    advice: 'Use a WSGIAuthUserScript, or let a proxy in front authenticate.',
    security: true,
    directives: 'Krb*',
  },
  {
    module: 'mod_auth_gssapi',
    advice: 'Use a WSGIAuthUserScript, or let a proxy in front authenticate.',
    security: true,
    directives: 'Gssapi*',
  },
  {
    module: 'mod_auth_openidc',
    advice: SINGLE_SIGN_ON,
    security: true,
    directives: 'OIDC*',
  },
  {
    module: 'mod_auth_mellon',
    advice: SINGLE_SIGN_ON,
    security: true,
    directives: 'Mellon*',
  },
  {
    module: 'mod_shib',
    advice: SINGLE_SIGN_ON,
    security: true,
    directives: 'Shib*',
  },
  {
    module: 'mod_auth_cas',
    advice: SINGLE_SIGN_ON,
    security: true,
    directives: 'CAS*',
  },
  {
    module: 'mod_gridsite',
    advice: 'Use SSLVerifyClient and Require expr, or let a proxy in front authenticate.',
    security: true,
    directives: 'GridSite*',
  },
  {
    module: 'mod_intercept_form_submit',
    advice: 'Let the application check its log-in form.',
    security: true,
    directives: 'InterceptForm*',
  },
  {
    module: 'mod_lookup_identity',
    advice: 'Let the application look up its users.',
    directives: 'LookupUser* LookupOutput*',
  },
  {
    module: 'mod_rpaf',
    advice: 'Use RemoteIPHeader and RemoteIPTrustedProxy.',
    security: true,
    directives: 'RPAF*',
  },
  {
    module: 'mod_mapcache',
    advice: 'MapCache has a WSGI application and a server of its own.',
    directives: 'MapCacheAlias',
  },
  {
    module: 'mod_passenger',
    advice: 'Use WSGIScriptAlias for Python applications.',
    directives: 'Passenger*',
  },
  {
    module: 'mod_security',
    advice: 'Put a web application firewall in front.',
    security: true,
    directives: `
      SecRuleEngine SecRule SecAction SecRuleRemoveById SecRequestBodyAccess SecResponseBodyAccess
      SecRequestBodyLimit SecDefaultAction SecAuditEngine SecAuditLog SecDataDir SecTmpDir SecDebugLog
      SecDebugLogLevel
    `,
  },
  {
    module: 'mod_evasive',
    advice: 'Put a rate limiter in front.',
    security: true,
    directives: `
      DOSHashTableSize DOSPageCount DOSSiteCount DOSPageInterval DOSSiteInterval DOSBlockingPeriod
      DOSEmailNotify DOSLogDir DOSWhitelist
    `,
  },
  {
    module: 'mod_xsendfile',
    advice: 'Applications can answer with X-Sendfile-like offloading through wsgi.file_wrapper.',
    directives: 'XSendFile XSendFilePath XSendFileIgnoreEtag XSendFileIgnoreLastModified XSendFileUnescape',
  },
]

const BY_NAME: ReadonlyMap<string, Elsewhere> = new Map(
  MODULES.flatMap(({ module, advice, security = false, securityOf = {}, directives }) =>
    directives
      .trim()
      .split(/\s+/)
      .map((name): [string, Elsewhere] => [
        name.toLowerCase(),
        { module, advice, security: securityOf[name] ?? security },
      ]),
  ),
)

const FAMILIES = [...BY_NAME]
  .filter(([name]) => name.endsWith('*'))
  .map(([name, answer]) => ({ start: name.slice(0, -1), answer }))

/** Whose directive or section (`<Proxy`) that is, whatever the case of the name. */
export function elsewhere(name: string): Elsewhere | undefined {
  const key = name.toLowerCase()
  return BY_NAME.get(key) ?? FAMILIES.find(({ start }) => key.startsWith(start))?.answer
}

/** For the reference page: what is known of other modules. */
export const ELSEWHERE: readonly Readonly<Omit<ModuleElsewhere, 'securityOf'>>[] = MODULES

/** The modules of the table, as in `mod_dav`. */
export function elsewhereModules(): readonly string[] {
  return MODULES.flatMap(({ module }) => module.split(' and '))
}

/** Our own: what to do about such directives. */
export const wsgiHttpd = {
  id: 'wsgi_httpd_module',
  source: 'mod_wsgi_httpd.c',
  directives: [
    directive({
      name: 'WSGIHttpdUnsupported',
      syntax: 'Error|Warn',
      contexts: ['server'],
      default: 'Error',
      help: 'What to do about directives of httpd modules that wsgi-httpd does not have: refuse the configuration, or warn and go on without them; those that protect something are refused all the same',
      ...take1((cmd, word) => {
        const unsupported = word.toLowerCase()
        if (unsupported !== 'error' && unsupported !== 'warn')
          return cmd.fail('WSGIHttpdUnsupported must be Error or Warn')
        cmd.server.draft(unsupportedPolicy).unsupported = unsupported
      }),
    }),
  ],
} satisfies HttpdModule
