/* Every function of libc that is hooked or called: its name, the one that serves where a libc lacks it (musl has no `64` names),
 * and how a lack of both is answered: A with -1 and ENOSYS, N with NULL and ENOSYS. */
#pragma once

#define NAMES(X) \
    X(open, open, A) X(open64, open, A) X(openat, openat, A) X(openat64, openat, A) \
    X(__open_2, open, A) X(__open64_2, open, A) X(__openat_2, openat, A) X(__openat64_2, openat, A) \
    X(creat, creat, A) X(creat64, creat, A) \
    X(fopen, fopen, N) X(fopen64, fopen, N) X(freopen, freopen, N) X(freopen64, freopen, N) \
    X(mkstemp, mkstemp, A) X(mkstemp64, mkstemp, A) X(mkostemp, mkostemp, A) X(mkostemp64, mkostemp, A) \
    X(mkstemps, mkstemps, A) X(mkstemps64, mkstemps, A) X(mkostemps, mkostemps, A) X(mkostemps64, mkostemps, A) \
    X(mkdtemp, mkdtemp, N) \
    X(stat, stat, A) X(stat64, stat, A) X(lstat, lstat, A) X(lstat64, lstat, A) \
    X(fstatat, fstatat, A) X(fstatat64, fstatat, A) X(statx, statx, A) \
    X(__xstat, __xstat, A) X(__xstat64, __xstat, A) X(__lxstat, __lxstat, A) X(__lxstat64, __lxstat, A) \
    X(__fxstatat, __fxstatat, A) X(__fxstatat64, __fxstatat, A) \
    X(access, access, A) X(faccessat, faccessat, A) X(euidaccess, euidaccess, A) X(eaccess, eaccess, A) \
    X(readlink, readlink, A) X(readlinkat, readlinkat, A) X(__readlink_chk, __readlink_chk, A) \
    X(__readlinkat_chk, __readlinkat_chk, A) \
    X(realpath, realpath, N) X(__realpath_chk, __realpath_chk, N) X(canonicalize_file_name, canonicalize_file_name, N) \
    X(statfs, statfs, A) X(statfs64, statfs, A) X(statvfs, statvfs, A) X(statvfs64, statvfs, A) \
    X(pathconf, pathconf, A) X(getxattr, getxattr, A) X(lgetxattr, lgetxattr, A) X(listxattr, listxattr, A) \
    X(llistxattr, llistxattr, A) X(inotify_add_watch, inotify_add_watch, A) X(chdir, chdir, A) \
    X(chmod, chmod, A) X(fchmodat, fchmodat, A) X(chown, chown, A) X(lchown, lchown, A) X(fchownat, fchownat, A) \
    X(utime, utime, A) X(utimes, utimes, A) X(lutimes, lutimes, A) X(utimensat, utimensat, A) \
    X(opendir, opendir, N) X(fdopendir, fdopendir, N) X(getdents64, getdents64, A) \
    X(scandir, scandir, A) X(scandir64, scandir, A) X(scandirat, scandirat, A) X(scandirat64, scandirat, A) \
    X(glob, glob, A) X(glob64, glob, A) X(ftw, ftw, A) X(ftw64, ftw, A) X(nftw, nftw, A) X(nftw64, nftw, A) \
    X(fts_open, fts_open, N) X(fts64_open, fts_open, N) X(wordexp, wordexp, A) \
    X(mkdir, mkdir, A) X(mkdirat, mkdirat, A) X(mkfifo, mkfifo, A) X(mknod, mknod, A) X(__xmknod, __xmknod, A) \
    X(rename, rename, A) X(renameat, renameat, A) X(renameat2, renameat2, A) X(link, link, A) X(linkat, linkat, A) \
    X(symlink, symlink, A) X(symlinkat, symlinkat, A) X(unlink, unlink, A) X(unlinkat, unlinkat, A) \
    X(rmdir, rmdir, A) X(remove, remove, A) X(truncate, truncate, A) X(truncate64, truncate, A) \
    X(execve, execve, A) X(execvpe, execvpe, A) X(fexecve, fexecve, A) X(execveat, execveat, A) \
    X(posix_spawn, posix_spawn, A) X(posix_spawnp, posix_spawnp, A) \
    X(pidfd_spawn, pidfd_spawn, A) X(pidfd_spawnp, pidfd_spawnp, A) \
    X(posix_spawn_file_actions_addopen, posix_spawn_file_actions_addopen, A) X(system, system, A) X(popen, popen, N) \
    X(fork, fork, A) X(_Fork, fork, A) X(forkpty, forkpty, A) X(daemon, daemon, A) \
    X(wait, wait, A) X(waitpid, waitpid, A) X(wait3, wait3, A) X(wait4, wait4, A) X(waitid, waitid, A) \
    X(_exit, _exit, A) X(_Exit, _Exit, A) X(quick_exit, quick_exit, A) \
    X(prctl, prctl, A) X(chroot, chroot, A) X(mount, mount, A) X(setns, setns, A) X(syscall, syscall, A)

enum {
#define NUMBERED(name, other, answer) R_##name,
    NAMES(NUMBERED)
#undef NUMBERED
    NAME_COUNT
};
