import CPlatform

/// A map of LMDB's in which an unreadable page ends the process with status 74 and a message that names the file, where
/// else a signal would end it (`iii_map_watch`).
struct WatchedMap: Sendable {
    private var place: Int32 = -1

    /// Once per process; the handler that was there before still gets every other SIGBUS. Without it nothing but the message
    /// is missing.
    static func install() {
        _ = iii_map_faults_install()
    }

    /// - Parameter base: nil: not known, so nothing is watched.
    mutating func watch(_ base: UnsafeRawPointer?, bytes: Int, path: String) {
        unwatch()
        place = base.map { iii_map_watch($0, bytes, path) } ?? -1
    }

    /// Before the map goes or moves.
    mutating func unwatch() {
        iii_map_unwatch(place)
        place = -1
    }
}
