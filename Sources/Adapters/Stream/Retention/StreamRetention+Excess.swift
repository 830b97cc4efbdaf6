import Engine
import Workers

extension StreamRetention {
    /// Why a value can't be kept at all.
    func refusal(of value: RawJSON) -> AdapterError? {
        guard let bytes, value.count > bytes else { return nil }
        return AdapterError(
            "value of \(value.count) bytes exceeds the configured retention.max_bytes of \(bytes) for a whole group"
        )
    }

    /// The oldest items of a group that has too many, or too much; never the one that was just written.
    ///
    /// - Parameter scan: visits ids and bytes of values in insertion order, until told to stop.
    func excess(
        items: Int,
        bytes: Int,
        keeping written: String,
        _ scan: ((_ id: String, _ bytes: Int) -> Bool) -> Void
    ) -> [String] {
        var (items, bytes) = (items, bytes)
        guard isExceeded(items, bytes) else { return [] }
        var ids: [String] = []
        scan { id, size in
            guard Name(id) != Name(written) else { return true }
            ids.append(id)
            items -= 1
            bytes -= size
            return isExceeded(items, bytes)
        }
        return ids
    }

    private func isExceeded(_ items: Int, _ bytes: Int) -> Bool {
        self.items.map { items > $0 } == true || self.bytes.map { bytes > $0 } == true
    }

    var limitsSize: Bool { items != nil || bytes != nil }
}
