/**
 * Reason phrases: those of the registry, but for the ones that httpd has always sent, which logs and clients know.
 */
import { STATUS_CODES } from 'node:http'

const HTTPD: Readonly<Record<number, string>> = {
  413: 'Request Entity Too Large',
  414: 'Request-URI Too Long',
  416: 'Requested Range Not Satisfiable',
}

/** Undefined for a status that has none. */
export function reasonOf(status: number): string | undefined {
  return HTTPD[status] ?? STATUS_CODES[status]
}
