import NIOCore

/// A worker as the SDKs open one (protocol.md §5.2), with `functionCount` functions, that then only stays connected.
struct IdleWorker: WorkerRole {
    let number: Int
    let functionCount: Int
    let ready: EventLoopPromise<Void>
    let isFinished = false

    mutating func opened(output: inout ByteBuffer) {
        for function in 0..<functionCount {
            output.writeMaskedMessage(
                """
                {"type":"registerfunction","id":"fleet\(number)::function\(function)",\
                "description":"Function \(function) of worker \(number)","metadata":{"public":true}}
                """
            )
        }
        output.writeMaskedMessage(
            """
            {"type":"invokefunction","function_id":"engine::workers::register","action":{"type":"void"},\
            "data":{"runtime":"python","version":"0.22.1","name":"fleet-\(number)","os":"Linux","pid":\(number + 1)}}
            """
        )
        output.writeMaskedMessage("{\"type\":\"ping\"}")
    }

    mutating func received(_ message: UnsafeRawBufferPointer, output: inout ByteBuffer) {
        if Scan.end(of: "\"type\":\"pong\"", in: message) != nil { ready.succeed() }
    }

    mutating func closed(_ error: any Error) {
        ready.fail(error)
    }
}
