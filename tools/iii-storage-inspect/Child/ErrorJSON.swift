import Storage

/// A storage error between processes.
enum ErrorJSON {
    static func json(_ error: StorageError) -> JSON {
        [
            "code": .string(error.code.description), "message": .string(error.message), "path": JSON(error.path),
            "row": JSON(error.row?.rawValue), "segment": JSON(error.segment), "offset": JSON(error.offset),
            "batch": JSON(error.batch), "systemCall": JSON(error.systemCall?.call),
            "errorNumber": JSON(error.systemCall.map { UInt64($0.number) }),
            "missingKeys": .array(error.missingKeys.map { .string("\($0)") }),
        ]
    }

    static func error(_ json: JSON?) -> StorageError {
        let code = StorageError.Code(named: json?["code"]?.text ?? "damaged")
        var error = StorageError(code, json?["message"]?.text ?? "unknown", path: json?["path"]?.text)
        error.row = json?["row"]?.text.flatMap { RecoveryRow(rawValue: $0) }
        error.segment = json?["segment"]?.integer
        error.offset = json?["offset"]?.integer
        error.batch = json?["batch"]?.integer
        let number = json?["errorNumber"]?.integer.flatMap { Int32(exactly: $0) }
        if let call = json?["systemCall"]?.text, let number {
            error.systemCall = SystemCallError(call: call, number: number, path: error.path ?? "")
        }
        let missing = json?["missingKeys"]?.elements ?? []
        error.missingKeys = missing.compactMap { $0.text }.compactMap { UInt64($0, radix: 16) }.map {
            KeyID(rawValue: $0)
        }
        return error
    }
}
