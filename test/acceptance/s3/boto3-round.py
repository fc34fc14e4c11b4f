"""The round of boto3: every step asserts what came of it. Arguments: URL, source folder, folder for what comes down."""
import os
import sys
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

url, source, down = sys.argv[1:]
bucket = "boto3-round"
config = Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1})
s3 = boto3.client("s3", endpoint_url=url, config=config)


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


s3.create_bucket(Bucket=bucket)
assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == [bucket]
assert code_of(s3.head_bucket, Bucket="boto3-absent") == "404"
assert code_of(s3.get_object, Bucket=bucket, Key="absent") == "NoSuchKey"

names = []
transfer = TransferConfig(multipart_threshold=6 * 1024**2, multipart_chunksize=5 * 1024**2)
for folder, _, files in os.walk(source):
    for name in files:
        path = os.path.join(folder, name)
        key = os.path.relpath(path, source)
        names.append(key)
        s3.upload_file(path, bucket, key, Config=transfer, ExtraArgs={"Metadata": {"from": "boto3"}})

pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3})
listed = [each["Key"] for page in pages for each in page.get("Contents", [])]
assert listed == sorted(names, key=lambda name: name.encode()), listed
grouped = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
assert [each["Prefix"] for each in grouped["CommonPrefixes"]] == ["folder/", "large/"], grouped

for key in names:
    path = os.path.join(down, key)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    s3.download_file(bucket, key, path)
    assert s3.head_object(Bucket=bucket, Key=key)["Metadata"] == {"from": "boto3"}

assert s3.get_object(Bucket=bucket, Key="plain.txt", Range="bytes=2-5")["Body"].read() == b"line"
etag = s3.head_object(Bucket=bucket, Key="plain.txt")["ETag"]
assert code_of(s3.get_object, Bucket=bucket, Key="plain.txt", IfNoneMatch=etag) == "304"
assert code_of(s3.get_object, Bucket=bucket, Key="plain.txt", IfMatch='"other"') == "PreconditionFailed"

for algorithm in ["CRC32", "SHA1", "SHA256"]:
    put = s3.put_object(Bucket=bucket, Key="summed", Body=b"some bytes", ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=bucket, Key="summed", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"], head
assert code_of(s3.put_object, Bucket=bucket, Key="summed", Body=b"x", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==") == "BadDigest"

s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "plain.txt"})
s3.copy({"Bucket": bucket, "Key": "large/text.log"}, bucket, "large/copy", Config=transfer)
assert s3.head_object(Bucket=bucket, Key="large/copy")["ContentLength"] == 18 * 1024**2 + 17
s3.put_object_tagging(Bucket=bucket, Key="copy", Tagging={"TagSet": [{"Key": "a", "Value": "b c"}]})
assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "a", "Value": "b c"}]

link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "with a space.txt"}, ExpiresIn=60)
assert urllib.request.urlopen(link).read() == open(os.path.join(source, "with a space.txt"), "rb").read()
link = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "by link"}, ExpiresIn=60)
request = urllib.request.Request(link, data=b"put by link", method="PUT")
assert urllib.request.urlopen(request).status == 200

post = s3.generate_presigned_post(bucket, "form/${filename}", ExpiresIn=60, Conditions=[["content-length-range", 1, 100]])
boundary = "boundary"
parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in post["fields"].items()]
parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\nby form\r\n--{boundary}--\r\n')
headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
request = urllib.request.Request(post["url"], data="".join(parts).encode(), method="POST", headers=headers)
assert urllib.request.urlopen(request).status == 204
assert s3.get_object(Bucket=bucket, Key="form/f.txt")["Body"].read() == b"by form"

upload = s3.create_multipart_upload(Bucket=bucket, Key="abandoned")["UploadId"]
s3.upload_part(Bucket=bucket, Key="abandoned", UploadId=upload, PartNumber=1, Body=b"part")
assert [each["UploadId"] for each in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
assert [each["Size"] for each in s3.list_parts(Bucket=bucket, Key="abandoned", UploadId=upload)["Parts"]] == [4]
s3.abort_multipart_upload(Bucket=bucket, Key="abandoned", UploadId=upload)
assert code_of(s3.list_parts, Bucket=bucket, Key="abandoned", UploadId=upload) == "NoSuchUpload"

assert code_of(s3.delete_bucket, Bucket=bucket) == "BucketNotEmpty"
everything = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in [*everything, "absent"]]})
assert len(deleted["Deleted"]) == len(everything) + 1 and "Errors" not in deleted, deleted
s3.delete_bucket(Bucket=bucket)
assert s3.list_buckets()["Buckets"] == []
print("done")
