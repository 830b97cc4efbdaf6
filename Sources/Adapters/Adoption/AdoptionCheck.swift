import Storage

/// Whether a volume can be adopted: everything in it is sound, the store takes it, and the disk has room.
struct AdoptionCheck {
    /// Damaged files that an error names.
    static let maximumNamed = 8

    let volume: UpstreamVolume
    /// Of the store's files, for what it takes.
    let reusableBytes: Int

    func require(_ found: UpstreamImportResult) throws {
        try requireSound(found)
        try requireStorable(found)
        try requireRoom(found)
    }

    private func requireSound(_ found: UpstreamImportResult) throws {
        guard !found.damaged.isEmpty else { return }
        var named = found.damaged.prefix(Self.maximumNamed).map(\.description)
        if found.damaged.count > named.count { named.append("and \(found.damaged.count - named.count) more") }
        throw UpstreamError(
            .damagedFiles,
            "the upstream volume has damaged files, so nothing was imported: \(named.joined(separator: "; ")). Take what "
                + "can be read into a store of its own (iii-storage-inspect import-upstream \(volume.path) --to DIR "
                + "--salvage) and name that as file_path; or move the damaged files out of the directory and start again",
            path: volume.path
        )
    }

    /// One record holds an entry's value and key.
    private func requireStorable(_ found: UpstreamImportResult) throws {
        let limit = StorageOptions().maximumRecordBytes - Self.recordOverhead
        guard found.largestEntryBytes > limit else { return }
        throw UpstreamError(
            .tooLarge,
            "\(found.largestEntry.debugDescription) has an entry of \(found.largestEntryBytes) bytes, a store takes "
                + "\(limit), so nothing was imported. Split or remove it with the upstream engine, or move the file out "
                + "of the directory, then start again",
            path: volume.path
        )
    }

    private func requireRoom(_ found: UpstreamImportResult) throws {
        let needed = Self.bytesNeeded(found)
        let free = try UpstreamFiles.freeBytes(volume.path) + reusableBytes
        guard free < needed else { return }
        throw UpstreamError(
            .lowSpace,
            "adopting the upstream volume takes up to \(needed) bytes beside its files, the disk has \(free) free, so "
                + "nothing was imported. Make room, or import it into a store on another disk (iii-storage-inspect "
                + "import-upstream \(volume.path) --to DIR)",
            path: volume.path
        )
    }

    /// An entry's second row, keys and pages of the tree, and the log, which is kept until a checkpoint took it. More than
    /// was ever seen to be needed.
    static func bytesNeeded(_ found: UpstreamImportResult) -> Int {
        let values = found.counts.values.reduce(0) { $0 + $1.bytes }
        let rows = found.fileBytes + (found.fileBytes - values) + found.entries * rowOverhead
        return rows * 3 / 2 + min(rows, largestLog) + smallestStore
    }

    private static let recordOverhead = 128
    private static let rowOverhead = 128
    private static let largestLog = 256 << 20
    /// Segments and the reserve for a full disk.
    private static let smallestStore = 16 << 20
}
