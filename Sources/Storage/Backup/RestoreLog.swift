/// The log that is given with a backup: whether it goes on where the backup ends.
struct RestoreLog {
    let directory: LogDirectory
    private let source: LogLineage
    private let backup: LogLineage
    private let incarnations: (source: UInt64?, backup: UInt64?)

    /// - Parameter copy: of the backup, before anything was added.
    init(_ directory: LogDirectory, for copy: LogDirectory, _ keys: EncryptionKeys) {
        func incarnation(_ directory: LogDirectory) -> UInt64? {
            (try? FormatFile(io: PosixIO(), directory: directory).read())?.incarnation
        }
        self.directory = directory
        source = LogLineage(directory, keys)
        backup = LogLineage(copy, keys)
        incarnations = (incarnation(directory), incarnation(copy))
    }

    /// A restore, a cut or a salvage drew it anew: the two may have a beginning in common.
    var isOfOtherIncarnation: Bool {
        guard let source = incarnations.source, let backup = incarnations.backup else { return false }
        return source != backup
    }

    /// Every begin of a segment draws an epoch: two files of one number are of two stores that went on by themselves.
    func requireSameStore() throws(StorageError) {
        for segment in source.segments.map(\.header) {
            guard let own = backup.segments.first(where: { $0.header.number == segment.number })?.header,
                own.epoch != segment.epoch
            else { continue }
            let reason = "segment \(segment.number) of the log is another file than the backup's"
            throw isOfOtherIncarnation ? otherIncarnation(reason) : otherCopy(reason)
        }
    }

    /// Whoever wants everything wants to know that the end is missing (R11).
    func requireEnd() throws(StorageError) {
        guard let reason = source.missingEnd else { return }
        let newest = source.numbers.last ?? .none
        let path = directory.segment(source.head?.segment ?? newest.next)
        var error = StorageError(
            .missingFiles,
            "\(reason). Put the file back, or name with --through or --until a position that the backup and the log hold",
            path: path
        )
        error.row = .r11
        throw error
    }

    /// A log of another incarnation that adds nothing: its records were expected to be in the result, and are not.
    func requireUse() throws(StorageError) {
        let last = backup.numbers.last ?? .first
        guard isOfOtherIncarnation, !source.numbers.contains(where: { $0 >= last }) else { return }
        throw otherIncarnation("no segment of it goes on where the backup ends")
    }

    func otherIncarnation(_ reason: String) -> StorageError {
        func name(_ incarnation: UInt64?) -> String {
            guard let incarnation, incarnation != 0 else { return "the store as it was made" }
            return hexadecimal(incarnation)
        }
        return StorageError(
            .unusableDirectory,
            "the log is of another incarnation of the store (\(name(incarnations.source))) than the backup (\(name(incarnations.backup))), and does not go on where the backup ends: \(reason). A restore, a cut or a salvage begins a new incarnation; name the store that the backup was made of, or leave --log away",
            path: directory.root
        )
    }

    private func otherCopy(_ reason: String) -> StorageError {
        StorageError(
            .unusableDirectory,
            "the log is of a copy of the store that went on by itself: \(reason); name the store that the backup was made of, or leave --log away",
            path: directory.root
        )
    }
}

extension StorageError {
    /// Of what stands in the store's files, not of rights, room or the device.
    var isAboutFiles: Bool { code == .damaged || code == .missingFiles || code == .foreignFile }
}
