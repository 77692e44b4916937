/**
 * Files of a test, by absolute path, in place of the file system. Directories are there as far as files lie in them; a path that ends in `/` is an
 * empty directory; the text `-> nowhere` makes a dangling symbolic link.
 */
import type { ConfigFiles } from '../../src/config/files.js'

export const DANGLING = '-> nowhere'

export function memoryFiles(files: Readonly<Record<string, string>>): ConfigFiles {
  const paths = Object.keys(files)
  const isDirectory = (path: string): boolean => {
    const prefix = path.endsWith('/') ? path : `${path}/`
    return path === '/' || paths.some((file) => file.startsWith(prefix))
  }
  const exists = (path: string): boolean => (path in files && files[path] !== DANGLING) || isDirectory(path)
  return {
    isDirectory,
    exists,
    read(path) {
      if (!exists(path)) throw new Error('No such file or directory')
      if (isDirectory(path)) throw new Error('Is a directory')
      return files[path] as string
    },
    list(path) {
      if (!isDirectory(path)) throw new Error(exists(path) ? 'Not a directory' : 'No such file or directory')
      const prefix = path.endsWith('/') ? path : `${path}/`
      const below = paths.filter((file) => file.startsWith(prefix) && file !== prefix)
      return [...new Set(below.map((file) => file.slice(prefix.length).split('/')[0] as string))]
    },
  }
}
