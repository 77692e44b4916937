import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { processorQuota } from '../../src/system/processors.js'

const SECOND = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n'
const FIRST = '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n'
const CPU = '/sys/fs/cgroup/cpu,cpuacct'

test('the least of what the control groups allow', () => {
  const rows: [what: string, files: Record<string, string>, quota: number][] = [
    ['nothing is known', {}, Number.POSITIVE_INFINITY],
    [
      'v2, in a container',
      {
        '/proc/self/cgroup': '0::/\n',
        '/proc/self/mountinfo': SECOND,
        '/sys/fs/cgroup/cpu.max': '150000 100000\n',
      },
      1.5,
    ],
    [
      'v2, without a limit',
      {
        '/proc/self/cgroup': '0::/\n',
        '/proc/self/mountinfo': SECOND,
        '/sys/fs/cgroup/cpu.max': 'max 100000\n',
      },
      Number.POSITIVE_INFINITY,
    ],
    [
      'v2, a service: the limit of a slice above holds, too',
      {
        '/proc/self/cgroup': '0::/web.slice/site.service\n',
        '/proc/self/mountinfo': SECOND,
        '/sys/fs/cgroup/web.slice/cpu.max': '50000 100000\n',
        '/sys/fs/cgroup/web.slice/site.service/cpu.max': '400000 100000\n',
      },
      0.5,
    ],
    [
      'v1, beside other controllers',
      {
        '/proc/self/cgroup': '9:memory:/m\n4:cpu,cpuacct:/a/b\n0::/\n',
        '/proc/self/mountinfo': SECOND + FIRST,
        [`${CPU}/a/b/cpu.cfs_quota_us`]: '-1\n',
        [`${CPU}/a/b/cpu.cfs_period_us`]: '100000\n',
        [`${CPU}/a/cpu.cfs_quota_us`]: '300000\n',
        [`${CPU}/a/cpu.cfs_period_us`]: '100000\n',
      },
      3,
    ],
    [
      'v1, in a container that sees only its own group',
      {
        '/proc/self/cgroup': '4:cpu,cpuacct:/docker/1234\n',
        '/proc/self/mountinfo': FIRST.replace(' / ', ' /docker/1234 '),
        [`${CPU}/cpu.cfs_quota_us`]: '200000\n',
        [`${CPU}/cpu.cfs_period_us`]: '100000\n',
      },
      2,
    ],
    [
      'v2, a group outside of what is mounted',
      {
        '/proc/self/cgroup': '0::/../other\n',
        '/proc/self/mountinfo': SECOND,
        '/sys/fs/cgroup/cpu.max': '100000 100000\n',
      },
      1,
    ],
  ]
  for (const [what, files, quota] of rows)
    assert.equal(
      processorQuota((path) => files[path]),
      quota,
      what,
    )
})

test('a group of the kernel', (t) => {
  const folder = `/sys/fs/cgroup/cpu/wsgi-httpd-test-${process.pid}`
  try {
    mkdirSync(folder)
    t.after(() => rmdirSync(folder))
    writeFileSync(`${folder}/cpu.cfs_quota_us`, '50000')
  } catch {
    return t.skip('control groups cannot be made here')
  }
  const module = new URL('../../src/system/processors.js', import.meta.url).href
  const script = `import { processors } from '${module}'; console.log(processors())`
  const shell = `echo $$ > ${folder}/cgroup.procs; exec "$0" --input-type=module -e "$1"`
  const counted = execFileSync('sh', ['-c', shell, process.execPath, script], { encoding: 'utf8' })
  assert.equal(counted, '1\n')
})
