/// What was never acknowledged is set aside for people, not thrown away (storage.md §5.10 steps 9, R12), within a bound.
extension LogOpening {
    mutating func setAside(_ recovered: inout RecoveredLog, _ snapshot: any SnapshotStore) throws(StorageError) {
        if let tail = recovered.tail, !isMutant(.noTailCopy) { try setAside(tail, &recovered, snapshot) }
        if let unused = recovered.unused { try moveAside(unused, suffix: "unused") }
    }

    /// Copies the bytes beyond the log's end. The name says where they stood, so a repeated recovery writes it anew.
    ///
    /// They are a courtesy: without room for the copy the store opens all the same.
    private mutating func setAside(
        _ tail: LogRemainder,
        _ recovered: inout RecoveredLog,
        _ snapshot: any SnapshotStore
    ) throws(StorageError) {
        guard tail.bytes <= quarantineLimit else {
            return warnStaying(tail, "they are more than the \(quarantineLimit) bytes that quarantine/ takes")
        }
        do {
            return try copy(tail)
        } catch {
            guard error.systemCall?.isLackOfSpace == true else { throw error }
        }
        try removeCovered(&recovered, snapshot)
        do {
            try copy(tail)
        } catch {
            guard error.systemCall?.isLackOfSpace == true else { throw error }
            warnStaying(tail, "there is no room for a copy")
        }
    }

    private mutating func warnStaying(_ tail: LogRemainder, _ why: String) {
        warnings.append(
            "\(tail.bytes) bytes that were never acknowledged were not copied to quarantine/: \(why). They stay in segment \(tail.segment) at offset \(tail.offset) until that segment is retired [path \(directory.segment(tail.segment))]"
        )
    }

    private mutating func copy(_ tail: LogRemainder) throws(StorageError) {
        let name = "\(LogDirectory.segmentName(tail.segment)).\(tail.offset).tail"
        let path = "\(directory.quarantine)/\(name)"
        try makeRoom(for: tail.bytes, except: name)
        do {
            try write(tail, to: path)
        } catch {
            // Half a copy would only take the room of others.
            try? io.unlink(path)
            throw error
        }
        quarantinedFiles.append(path)
        quarantinedBytes += tail.bytes
    }

    private func write(_ tail: LogRemainder, to path: String) throws(StorageError) {
        var window = try SegmentWindow(io: io, path: directory.segment(tail.segment))
        let file = try orOpenFailed { () throws(SystemCallError) in
            try prepareQuarantine()
            return try io.open(path, .create)
        }
        defer { io.close(file) }
        var offset = tail.offset
        while offset < tail.end {
            let count = Int(min(tail.end - offset, UInt64(LogLimits.mebibyte)))
            let part = try window.bytes(at: offset, count)
            try orOpenFailed { () throws(SystemCallError) in try io.writeAll(file, part, at: offset - tail.offset) }
            offset += UInt64(count)
        }
        try orOpenFailed { () throws(SystemCallError) in
            try io.fdatasync(file)
            try io.syncDirectory(directory.quarantine)
        }
    }

    /// A segment leaves the log.
    mutating func moveAside(_ number: SegmentNumber, suffix: String) throws(StorageError) {
        let path = directory.segment(number)
        let name = "\(LogDirectory.segmentName(number)).\(suffix)"
        let bytes = try fileBytes(path)
        try makeRoom(for: bytes, except: name)
        let target = try orOpenFailed { () throws(SystemCallError) in try move(path, to: name) }
        quarantinedFiles.append(target)
        quarantinedBytes += bytes
    }

    private func move(_ path: String, to name: String) throws(SystemCallError) -> String {
        var target = "\(directory.quarantine)/\(name)"
        do {
            try prepareQuarantine()
            try io.rename(path, to: target)
            try io.syncDirectory(directory.quarantine)
        } catch {
            guard error.isLackOfSpace, try io.exists(path) else { throw error }
            // A full disk may not even take a folder: beside the log it is out of the way as well.
            target = "\(directory.wal)/\(name)"
            try io.rename(path, to: target)
        }
        try io.syncDirectory(directory.wal)
        return target
    }

    private func prepareQuarantine() throws(SystemCallError) {
        try io.createDirectory(directory.quarantine)
        try io.syncDirectory(directory.root)
    }

    /// The oldest files that openings set aside go when another one would pass the bound. Those of this opening stay: they
    /// were moved, not copied, and take no room that they did not take before.
    private mutating func makeRoom(for bytes: UInt64, except name: String) throws(StorageError) {
        var files = try orOpenFailed { () throws(SystemCallError) in try listQuarantine() }
        files.removeAll { $0.name == name }
        var total = files.reduce(bytes) { $0 + $1.bytes }
        var count = files.count + 1
        for file in files where count > LogLimits.quarantineFiles || total > quarantineLimit {
            let path = "\(directory.quarantine)/\(file.name)"
            guard !quarantinedFiles.contains(path) else { continue }
            try orOpenFailed { () throws(SystemCallError) in try io.unlink(path) }
            warnings.append("quarantine/ is full: what an earlier opening had set aside was removed [path \(path)]")
            total -= file.bytes
            count -= 1
        }
    }

    /// Files of our naming, oldest first: numbers of segments only grow.
    private func listQuarantine() throws(SystemCallError) -> [(name: String, bytes: UInt64)] {
        let names: [String]
        do {
            names = try io.list(directory.quarantine)
        } catch {
            guard error.number == 2 else { throw error }
            return []
        }
        var files: [(name: String, bytes: UInt64)] = []
        for name in names.filter({ LogDirectory.quarantinedSegment(ofName: $0) != nil }).sorted() {
            files.append((name, try FileCopy(io: io).bytes("\(directory.quarantine)/\(name)")))
        }
        return files
    }
}
