import Glibc

/// Tools that are run for one piece of work, with nothing to read and their output in a file.
package enum ChildProcess {
    /// Runs a program found on PATH and waits for it.
    ///
    /// - Parameter isGroup: whether it leads a group of processes, which ends with it.
    /// - Returns: its exit status, 128 + signal where a signal ended it, 127 where there is no such program. One that takes
    ///   longer than `seconds` is killed.
    package static func run(
        _ arguments: [String], output: String = "/dev/null", errors: String = "/dev/null", seconds: Int = 120,
        isGroup: Bool = false
    ) throws(FileError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        let pointers = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        if isGroup { posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP)) }
        var process: pid_t = 0
        let code = posix_spawnp(&process, arguments[0], &actions, &attributes, pointers, environ)
        if code == ENOENT { return 127 }
        guard code == 0 else { throw FileError("start", arguments[0], code: code) }
        var status: Int32 = 0
        let deadline = ContinuousClock.now + .seconds(seconds)
        var isKilled = false
        while true {
            let ended = waitpid(process, &status, isKilled ? 0 : WNOHANG)
            if ended == process { break }
            guard ended == 0 || errno == EINTR else { throw FileError("wait for", arguments[0]) }
            if !isKilled, ContinuousClock.now > deadline {
                kill(isGroup ? -process : process, SIGKILL)
                isKilled = true
            }
            usleep(1_000)
        }
        // Its group's other processes end with it.
        if isGroup { kill(-process, SIGKILL) }
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F)
    }
}
