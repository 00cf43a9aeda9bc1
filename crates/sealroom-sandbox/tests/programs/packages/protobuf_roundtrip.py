"""protobuf makes a type of message, and writes and reads messages. No inputs. Result: patient.bin."""

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message, message_factory
from google.protobuf import struct_pb2, text_format, timestamp_pb2
from sealroom import Enclave

FIELD = descriptor_pb2.FieldDescriptorProto
file = descriptor_pb2.FileDescriptorProto(name="patient.proto", package="room", syntax="proto3")
patient = file.message_type.add(name="Patient")
patient.field.add(name="name", number=1, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL)
patient.field.add(name="days", number=2, type=FIELD.TYPE_SINT32, label=FIELD.LABEL_REPEATED)
patient.field.add(name="weight", number=3, type=FIELD.TYPE_DOUBLE, label=FIELD.LABEL_OPTIONAL)
assert descriptor_pb2.FileDescriptorProto.FromString(file.SerializeToString()) == file
pool = descriptor_pool.DescriptorPool()
pool.Add(file) if not hasattr(pool, "AddSerializedFile") else pool.AddSerializedFile(
    file.SerializeToString()
)
kind = pool.FindMessageTypeByName("room.Patient")
if hasattr(message_factory, "GetMessageClass"):
    Patient = message_factory.GetMessageClass(kind)
else:
    Patient = message_factory.MessageFactory(pool).GetPrototype(kind)

ada = Patient(name="Ada é", days=[1, -2, 300], weight=61.5)
data = ada.SerializeToString(deterministic=True)
# By hand: field and wire type, then a length and UTF-8, zigzag numbers, and a double.
assert data == b"\x0a\x06Ada \xc3\xa9\x12\x04\x02\x03\xd8\x04\x19\x00\x00\x00\x00\x00\xc0N@", data
assert Patient.FromString(data) == ada
assert text_format.Parse(text_format.MessageToString(ada), Patient()) == ada
assert json_format.Parse(json_format.MessageToJson(ada), Patient()) == ada
try:
    Patient.FromString(data[:-1])
except message.DecodeError:
    pass
else:
    raise AssertionError("cut short")

values = struct_pb2.Struct()
values.update({"a": 1.5, "b": [True, None, "text"], "c": {"d": "e"}})
again = struct_pb2.Struct.FromString(values.SerializeToString())
assert json_format.MessageToDict(again) == {"a": 1.5, "b": [True, None, "text"], "c": {"d": "e"}}
moment = timestamp_pb2.Timestamp()
moment.FromJsonString("2024-02-29T10:15:00.5Z")
assert (moment.seconds, moment.nanos) == (1709201700, 500_000_000)
with Enclave() as enclave:
    enclave.write(data, name="patient.bin")
