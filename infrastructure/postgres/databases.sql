-- A role and a database for each owner, for compose.yaml. A role's password is its name, as in all of development.
CREATE ROLE "order" LOGIN CREATEDB PASSWORD 'order';
CREATE ROLE stock LOGIN CREATEDB PASSWORD 'stock';
CREATE ROLE notification LOGIN CREATEDB PASSWORD 'notification';
CREATE ROLE saga LOGIN CREATEDB PASSWORD 'saga';
CREATE ROLE keycloak LOGIN CREATEDB PASSWORD 'keycloak';
CREATE DATABASE "order" OWNER "order";
CREATE DATABASE stock OWNER stock;
CREATE DATABASE notification OWNER notification;
CREATE DATABASE saga OWNER saga;
CREATE DATABASE keycloak OWNER keycloak;
