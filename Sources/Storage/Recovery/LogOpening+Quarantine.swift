/// What was never acknowledged is set aside for people, never thrown away (storage.md §5.10 steps 9, R12).
extension LogOpening {
    /// Copies the bytes beyond the log's end. The name says where they stood, so a repeated recovery writes it anew.
    mutating func copyTail(_ end: SegmentScan<IO>.End, _ scan: inout SegmentScan<IO>) throws(StorageError) {
        let bytes = end.usedBytes - end.log.offset
        let path = "\(directory.quarantine)/\(LogDirectory.segmentName(end.log.segment)).\(end.log.offset).tail"
        let file = try orOpenFailed { () throws(SystemCallError) in
            try prepareQuarantine()
            return try io.open(path, .create)
        }
        defer { io.close(file) }
        try scan.tail(from: end.log.offset, upTo: end.usedBytes) { (part, offset) throws(StorageError) in
            try orOpenFailed { () throws(SystemCallError) in try io.writeAll(file, part, at: offset) }
        }
        try orOpenFailed { () throws(SystemCallError) in
            try io.fdatasync(file)
            try io.syncDirectory(directory.quarantine)
        }
        quarantinedFiles.append(path)
        quarantinedBytes += bytes
    }

    /// R12: a segment that was never activated leaves the log.
    mutating func setAside(_ number: SegmentNumber, suffix: String = "unused") throws(StorageError) {
        let path = directory.segment(number)
        let target = "\(directory.quarantine)/\(LogDirectory.segmentName(number)).\(suffix)"
        let bytes = try SegmentWindow(io: io, path: path).size
        try orOpenFailed { () throws(SystemCallError) in
            try prepareQuarantine()
            try io.rename(path, to: target)
            try io.syncDirectory(directory.quarantine)
            try io.syncDirectory(directory.wal)
        }
        quarantinedFiles.append(target)
        quarantinedBytes += bytes
    }

    private func prepareQuarantine() throws(SystemCallError) {
        try io.createDirectory(directory.quarantine)
        try io.syncDirectory(directory.root)
    }
}
